use rustls::{ClientConnection, ServerConnection};
use sluice_ids::{DeviceId, NodeId, UnixMillis};

use super::*;
use crate::{Authority, Role};

const CONTROL: &[u8] = b"sluice-control/1";
const MEDIA: &[u8] = b"sluice/1";

fn device() -> DeviceId {
    "dev_0198c0de00007000800000000000002a".parse().unwrap()
}

fn node() -> NodeId {
    "node_0198c0de00007000800000000000002a".parse().unwrap()
}

/// The TLS library reads the machine's clock during a handshake, so these certificates begin now.
#[expect(clippy::disallowed_methods, reason = "the TLS library judges by this clock too")]
fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis() as i64)
}

/// Runs a handshake in memory; what each end says in the end.
fn handshake(client: ClientConfig, server: ServerConfig) -> Result<(Vec<Role>, Vec<Role>), Error> {
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    for _ in 0..8 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let seen_by_server = peer_roles(server.peer_certificates().unwrap()).unwrap();
    let seen_by_client = peer_roles(client.peer_certificates().unwrap()).unwrap();
    Ok((seen_by_server, seen_by_client))
}

#[test]
fn device_and_hub_see_each_others_roles() {
    let authority = Authority::create(now()).unwrap();
    let edge = authority.issue_device_identity(device(), now()).unwrap();
    let hub = authority.issue_hub(node(), now()).unwrap();
    for (alpn, expected) in [(CONTROL, RoleKind::Control), (MEDIA, RoleKind::Node)] {
        let client = client_config(&edge, alpn, expected).unwrap();
        let server = server_config(&hub, &[CONTROL, MEDIA]).unwrap();
        let roles = handshake(client, server).unwrap();
        assert_eq!(roles, (vec![Role::Device(device())], vec![Role::Control, Role::Node(node())]));
    }
}

#[test]
fn a_node_is_no_control_plane() {
    let authority = Authority::create(now()).unwrap();
    let edge = authority.issue_device_identity(device(), now()).unwrap();
    let client = client_config(&edge, CONTROL, RoleKind::Control).unwrap();
    let server = server_config(&authority.issue_node(node(), now()).unwrap(), &[CONTROL]).unwrap();
    assert_eq!(handshake(client, server).err(), Some(refused()));
}

#[test]
fn a_device_cannot_pose_as_a_hub() {
    let authority = Authority::create(now()).unwrap();
    let edge = authority.issue_device_identity(device(), now()).unwrap();
    let client = client_config(&edge, CONTROL, RoleKind::Device).unwrap();
    let server = server_config(&edge, &[CONTROL]).unwrap();
    assert!(handshake(client, server).is_err());
}

#[test]
fn another_authority_is_refused_at_both_ends() {
    let (ours, theirs) = (Authority::create(now()).unwrap(), Authority::create(now()).unwrap());
    let edge = ours.issue_device_identity(device(), now()).unwrap();
    let client = client_config(&edge, CONTROL, RoleKind::Control).unwrap();
    let server = server_config(&theirs.issue_hub(node(), now()).unwrap(), &[CONTROL]).unwrap();
    assert!(matches!(handshake(client, server), Err(Error::InvalidCertificate(_))));

    let stranger = theirs.issue_device_identity(device(), now()).unwrap();
    let posing =
        Identity::load(stranger.key_pem().into(), stranger.certificate_pem().into(), ours.ca_pem().into())
            .unwrap();
    let client = client_config(&posing, CONTROL, RoleKind::Control).unwrap();
    let server = server_config(&ours.issue_hub(node(), now()).unwrap(), &[CONTROL]).unwrap();
    assert!(matches!(handshake(client, server), Err(Error::InvalidCertificate(_))));
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::create(now()).unwrap();
    let long_ago = UnixMillis(now().0 - 31 * 24 * 3_600_000);
    let edge = authority.issue_device_identity(device(), long_ago).unwrap();
    let client = client_config(&edge, CONTROL, RoleKind::Control).unwrap();
    let server = server_config(&authority.issue_hub(node(), now()).unwrap(), &[CONTROL]).unwrap();
    assert!(matches!(handshake(client, server), Err(Error::InvalidCertificate(_))));
}

#[test]
fn an_unknown_protocol_is_refused() {
    let authority = Authority::create(now()).unwrap();
    let edge = authority.issue_device_identity(device(), now()).unwrap();
    let client = client_config(&edge, b"h3", RoleKind::Control).unwrap();
    let server = server_config(&authority.issue_hub(node(), now()).unwrap(), &[CONTROL]).unwrap();
    assert!(handshake(client, server).is_err());
}
