use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use sluice_camsim::{CamsimConfig, Delivery, Discovery, Fault, OnvifConfig, TierConfig};
use tokio::{net::UdpSocket, time::timeout};

use super::{device, session};
use crate::support::{PATIENCE, camsim, eventually};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);

/// Cameras with addresses of their own behind this one; every test takes another.
fn network(first: [u8; 4], cameras: usize, name: &str) -> CamsimConfig {
    let listen = SocketAddr::from((first, 0));
    let onvif = OnvifConfig { listen, own_addresses: true, discovery: Some(Discovery::default()) };
    CamsimConfig { onvif: Some(onvif), cameras, name: name.to_owned(), ..device() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cameras_are_found_and_understood() {
    let tier = Some(TierConfig::sized(320, 180).at_kbps(300));
    let cheap = CamsimConfig {
        delivery: Delivery::Replay,
        main: None,
        sub: tier,
        ..network([127, 77, 0, 0], 100, "Hall")
    };
    let camsim = camsim(cheap).await;
    let wanted: BTreeSet<String> = camsim.cameras().map(|camera| camera.endpoint()).collect();
    assert_eq!(wanted.len(), 100, "each is its own");
    let mut found = BTreeSet::new();
    eventually("all of them are found", || async {
        let here = [Ipv4Addr::LOCALHOST];
        let devices = oxvif::discovery::probe_result_on(Duration::from_secs(2), &here).await.unwrap();
        let known = devices.iter().filter(|device| wanted.contains(&device.endpoint));
        let mut found = known.map(|device| device.endpoint.clone()).collect::<BTreeSet<_>>();
        let all = found.len() == wanted.len();
        found.clear();
        all
    })
    .await;
    for camera in camsim.cameras() {
        let session = session(&camera).await;
        let profiles = session.get_profiles_media2().await.unwrap();
        let uri = session.get_stream_uri_media2(&profiles[0].token).await.unwrap();
        found.insert(uri.split("//").nth(1).unwrap().split(':').next().unwrap().to_owned());
    }
    assert_eq!(found.len(), 100, "a stream at every address");
    assert!(camsim.cameras().all(|camera| camera.counts().encoded == 0), "who is not watched does not film");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_answers_a_probe_that_is_sent_to_it_alone() {
    let camsim = camsim(network([127, 78, 0, 0], 2, "Yard")).await;
    let address = IpAddr::from([127, 78, 0, 2]);
    let devices = oxvif::discovery::probe_unicast(address, Duration::from_secs(1)).await;
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].endpoint, camsim.camera(2).endpoint());
    assert_eq!(devices[0].xaddrs, [camsim.camera(2).onvif_url().unwrap()]);
    assert!(devices[0].types.iter().any(|kind| kind.ends_with("NetworkVideoTransmitter")));
    camsim.camera(2).fault(Fault::Offline);
    assert!(oxvif::discovery::probe_unicast(address, Duration::from_millis(300)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_say_hello_when_they_come_and_bye_when_they_go() {
    let socket = listener();
    let camsim = camsim(network([127, 79, 0, 0], 1, "Dock")).await;
    let camera = camsim.camera(1);
    let endpoint = camera.endpoint();
    heard(&socket, "Hello", &endpoint).await;
    camera.fault(Fault::Offline);
    heard(&socket, "Bye", &endpoint).await;
    camera.fault(Fault::Restore);
    heard(&socket, "Hello", &endpoint).await;
    assert!(camsim.stop().await);
    heard(&socket, "Bye", &endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_the_same_at_another_address() {
    let first = camsim(network([127, 80, 0, 0], 1, "Roof")).await;
    let before = (first.camera(1).endpoint(), first.camera(1).mac(), first.camera(1).onvif_url());
    assert!(first.stop().await);
    let second = camsim(network([127, 80, 1, 0], 1, "Roof")).await;
    let camera = second.camera(1);
    assert_eq!((camera.endpoint(), camera.mac()), (before.0, before.1));
    assert_ne!(camera.onvif_url(), before.2);
}

fn listener() -> UdpSocket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    // Bound to the group, it hears what is sent there only.
    socket.bind(&SocketAddr::from((GROUP, Discovery::default().port)).into()).unwrap();
    socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).unwrap();
    UdpSocket::from_std(socket.into()).unwrap()
}

async fn heard(socket: &UdpSocket, action: &str, endpoint: &str) {
    let mut bytes = vec![0; 8_192];
    let listening = async {
        loop {
            let length = socket.recv(&mut bytes).await.unwrap();
            let text = String::from_utf8_lossy(&bytes[..length]);
            if text.contains(&format!("<d:{action}>")) && text.contains(endpoint) {
                return;
            }
        }
    };
    timeout(PATIENCE, listening).await.unwrap_or_else(|_| panic!("{action} of {endpoint}"));
}
