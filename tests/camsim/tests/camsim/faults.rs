use std::{net::SocketAddr, time::Duration};

use sluice_camsim::{Auth, CamsimConfig, Delivery, Fault};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Client, Rtp, camsim, code, config, is_key};

const SETUP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_camera_sends_nothing_but_answers_and_then_goes_on_without_a_gap() {
    for delivery in [Delivery::Live, Delivery::Replay] {
        let camsim = camsim(CamsimConfig { delivery, ..config() }).await;
        let mut client = Client::connect(&camsim).await;
        client.play().await;
        let mut last = client.picture().await.pop().unwrap();
        camsim.camera(1).fault(Fault::Stall);
        while let Ok(packet) = timeout(Duration::from_millis(500), client.packet()).await {
            last = packet.unwrap();
        }
        assert_eq!(client.ask("GET_PARAMETER", "").await.0, 200, "TCP and RTSP live");
        camsim.camera(1).fault(Fault::Restore);
        let next = client.packet().await.unwrap();
        assert_eq!(next.sequence, last.sequence.wrapping_add(1), "{delivery:?}");
        let hole = next.timestamp.wrapping_sub(last.timestamp);
        assert!(hole > 90_000 / 3, "time went on: {hole} ticks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_drops_closes_its_own_clients_only() {
    let camsim = camsim(CamsimConfig { cameras: 2, ..config() }).await;
    let mut dropped = Client::connect(&camsim).await;
    dropped.play().await;
    let url = camsim.camera(2).url(sluice_camsim::Tier::Sub);
    let mut other = Client::to(camsim.addr().to_string(), url).await;
    other.play().await;
    camsim.camera(1).fault(Fault::Drop);
    while dropped.packet().await.is_some() {}
    other.picture().await;
    Client::connect(&camsim).await.play().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_for_new_sessions() {
    let camsim = camsim(config()).await;
    let mut running = Client::connect(&camsim).await;
    running.play().await;
    camsim.camera(1).fault(Fault::RefuseSessions);
    let mut client = Client::connect(&camsim).await;
    assert_eq!(client.ask("DESCRIBE", "").await.0, 200);
    assert_eq!(client.ask("SETUP", SETUP).await.0, 453);
    camsim.camera(1).fault(Fault::Unavailable);
    assert_eq!(client.ask("DESCRIBE", "").await.0, 503);
    running.picture().await;
    camsim.camera(1).fault(Fault::Offline);
    while running.packet().await.is_some() {}
    assert_eq!(
        Client::connect(&camsim).await.ask("DESCRIBE", "").await.0,
        0,
        "an offline camera says nothing"
    );
    camsim.camera(1).fault(Fault::Restore);
    Client::connect(&camsim).await.play().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_key_frames_only_the_others_come() {
    for delivery in [Delivery::Live, Delivery::Replay] {
        let camsim = camsim(CamsimConfig { delivery, ..config() }).await;
        camsim.camera(1).fault(Fault::WithholdKeyFrames);
        let mut client = Client::connect(&camsim).await;
        client.play().await;
        for _ in 0..40 {
            assert!(!is_key(&client.picture().await), "{delivery:?}");
        }
        camsim.camera(1).fault(Fault::Restore);
        for waited in 0.. {
            assert!(waited < 60, "{delivery:?}: key frames come again");
            if is_key(&client.picture().await) {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_camera_goes_on_sending_the_same_picture() {
    let camsim = camsim(CamsimConfig { gop: Duration::from_secs(3_600), ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    let size = |picture: &[Rtp]| picture.iter().map(|packet| packet.size).sum::<usize>();
    let mut moving = 0;
    client.picture().await;
    for _ in 0..20 {
        moving += size(&client.picture().await);
    }
    camsim.camera(1).fault(Fault::Freeze);
    // What was taken before is still under way.
    for _ in 0..20 {
        client.picture().await;
    }
    let mut frozen = 0;
    for _ in 0..20 {
        frozen += size(&client.picture().await);
    }
    assert!(frozen * 5 < moving, "a still picture costs next to nothing: {frozen} of {moving} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_commanded_over_http() {
    let control = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let camsim = camsim(CamsimConfig { cameras: 2, control, auth: Auth::Basic, ..config() }).await;
    let addr = camsim.control_addr().unwrap();
    assert_eq!(http(addr, "POST", "/cameras/1/faults/stall", "").await.0, 200);
    assert_eq!(camsim.camera(1).status().faults, ["stall"]);
    assert!(camsim.camera(2).status().faults.is_empty());
    assert_eq!(http(addr, "POST", "/cameras/all/faults/refuse-503", "").await.0, 200);
    assert_eq!(camsim.camera(2).status().faults, ["refuse-503"]);
    assert_eq!(http(addr, "POST", "/cameras/all/faults/restore", "").await.0, 200);
    assert_eq!(http(addr, "PUT", "/cameras/1/password", "new").await.0, 200);
    let known = "Authorization: Basic YWRtaW46Y2FtZXJh\r\n";
    assert_eq!(Client::connect(&camsim).await.ask("DESCRIBE", known).await.0, 401);
    let new = "Authorization: Basic YWRtaW46bmV3\r\n";
    assert_eq!(Client::connect(&camsim).await.ask("DESCRIBE", new).await.0, 200);
    let (status, body) = http(addr, "GET", "/cameras", "").await;
    assert!(
        status == 200 && body.contains("\"auth_failures\":1") && body.contains("wrong-password"),
        "{body}"
    );
    assert!(!body.contains("new"), "passwords are not told");
    assert_eq!(http(addr, "POST", "/cameras/3/faults/stall", "").await.0, 404);
    let (status, body) = http(addr, "POST", "/cameras/1/faults/explode", "").await;
    assert!(status == 400 && body.contains("withhold-key-frames"), "{body}");
}

async fn http(addr: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (code(&answer), answer)
}
