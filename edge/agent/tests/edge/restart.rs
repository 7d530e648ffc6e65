//! What a restart without a hub brings back.

use std::{fs, net::TcpListener, time::Duration};

use sluice_edge_agent::StatusDocument;
use sluice_edge_camera::ledger::Ledger;
use sluice_ids::{CameraId, Tier};
use sluice_wire::control::{Desired, DesiredCamera, DesiredTier, Transport, Warm};

use crate::appliance::Appliance;

fn desired(password: &[u8]) -> Desired {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let camera = DesiredCamera {
        camera_id: CameraId::from_uuid(sluice_runtime::uuid_v7(&sluice_runtime::Clock::system())),
        name: "Dock".into(),
        tiers: vec![DesiredTier::new(Tier::Main, format!("rtsp://{nowhere}/planted-path"))],
        username: "planted-user".into(),
        sealed_password: password.to_vec(),
        warm: Warm::Sub,
        linger: Duration::from_secs(15),
        transport: Transport::Tcp,
        onvif: None,
        sealed_as: String::new(),
        session_budget: 0,
    };
    Desired { generation: 7, cameras: vec![camera], nodes: Vec::new() }
}

fn status(appliance: &Appliance) -> StatusDocument {
    serde_json::from_slice(&appliance.status(&["--json"]).stdout).unwrap()
}

#[test]
fn the_cameras_of_last_time_are_in_force_without_the_hub() {
    let appliance = Appliance::new("[log]\nfilter = \"debug\"\n");
    let (mut ledger, _) = Ledger::open(&appliance.path("state"), "desired").unwrap();
    ledger.store(&serde_json::to_vec(&desired(b"sealed for somebody else")).unwrap()).unwrap();
    let running = appliance.start();
    let status = status(&appliance);
    assert_eq!((status.generation, status.cameras.len()), (7, 1));
    assert_eq!(status.cameras[0].name, "Dock");
    let (code, log) = running.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("planted"), "{log}");
}

#[test]
fn a_ledger_that_makes_no_sense_is_passed_over() {
    let appliance = Appliance::new("");
    fs::create_dir_all(appliance.path("state")).unwrap();
    fs::write(appliance.path("state/desired.0"), b"\xff\xfe half a").unwrap();
    let (mut ledger, _) = Ledger::open(&appliance.path("state"), "desired").unwrap();
    ledger.store(b"{\"of\":\"another version\"}").unwrap();
    let running = appliance.start();
    assert_eq!(status(&appliance).generation, 0);
    assert_eq!(running.stop().0, Some(0));
}
