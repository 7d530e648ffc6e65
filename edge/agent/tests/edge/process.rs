//! Configuration errors, ports, signals and the status command.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
};

use sluice_edge_agent::StatusDocument;

use crate::appliance::{Appliance, errors};

#[test]
fn an_unknown_key_ends_it_with_64_and_is_named_before_a_port_opens() {
    let appliance = Appliance::new("[log]\nfilterr = \"info\"\n");
    let output = appliance.run();
    assert_eq!(output.status.code(), Some(64));
    assert!(errors(&output).contains("filterr"), "{}", errors(&output));
    assert!(TcpStream::connect(appliance.private).is_err());
    assert!(!appliance.path("state").exists());
}

#[test]
fn a_port_in_use_is_named() {
    let appliance = Appliance::new("");
    let _taken = TcpListener::bind(appliance.private).unwrap();
    let output = appliance.run();
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(said.contains(&appliance.private.to_string()) && said.contains("in use"), "{said}");
}

#[test]
fn a_missing_identity_is_named() {
    let appliance = Appliance::new("");
    fs::remove_file(appliance.path("device.key")).unwrap();
    let output = appliance.run();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("device.key"), "{}", errors(&output));
}

#[test]
fn it_says_how_it_stands_and_ends_cleanly_on_sigterm() {
    let appliance = Appliance::new("");
    let running = appliance.start();
    let output = appliance.status(&["--json"]);
    let status: StatusDocument = serde_json::from_slice(&output.stdout).unwrap();
    assert!(status.device_id.starts_with("dev_") && !status.hub.connected && status.cameras.is_empty());
    let text = String::from_utf8(appliance.status(&[]).stdout).unwrap();
    assert!(text.contains("not connected") && text.contains("cameras  0"), "{text}");
    let mode = fs::metadata(appliance.path("seal.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, log) = running.stop();
    assert_eq!(code, Some(0), "{log}");
    let seal_key = fs::read_to_string(appliance.path("seal.key")).unwrap();
    assert!(!log.contains(seal_key.trim()));
}

#[test]
fn status_without_a_running_edge_says_so() {
    let output = Appliance::new("").status(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("is it running?"), "{}", errors(&output));
}

#[test]
fn the_private_listener_answers_health_and_metrics() {
    use std::io::{Read as _, Write as _};
    let appliance = Appliance::new("");
    let _running = appliance.start();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(appliance.private).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("/health").starts_with("HTTP/1.0 200") && get("/health").contains("\"status\":"));
    assert!(get("/metrics").contains("sluice_edge_pulls 0"), "{}", get("/metrics"));
    assert!(get("/nothing").starts_with("HTTP/1.0 404"));
}
