use std::sync::OnceLock;

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sluice_ids::{DeviceId, NodeId, Tier, UnixMillis};
use sluice_trust::{
    Authority, Role, peer_roles,
    playback::{Claims, Signer, Verifier},
    seal,
};

/// Bytes as a playback token.
pub(crate) fn playback_token(bytes: &[u8]) {
    let (verifier, _) = keys();
    if let Ok(said) = verifier.verify(&String::from_utf8_lossy(bytes), NOW_S) {
        assert_eq!(said, claims(), "only what was signed is believed");
    }
}

/// Bytes as a sealed camera password.
pub(crate) fn sealed_secret(bytes: &[u8]) {
    if let Ok(secret) = keypair().open(AAD, bytes) {
        assert_eq!(secret, SECRET, "only what was sealed opens");
    }
}

/// Bytes as a peer's certificate, and as the role in it.
pub(crate) fn certificate(bytes: &[u8]) {
    if let Ok(roles) = peer_roles(&[CertificateDer::from(bytes)]) {
        assert!(!roles.is_empty());
    }
    if let Ok(role) = String::from_utf8_lossy(bytes).parse::<Role>() {
        assert_eq!(role.to_string().parse(), Ok(role));
    }
}

pub(crate) fn tokens() -> Vec<Vec<u8>> {
    let (_, token) = keys();
    vec![token.clone().into_bytes()]
}

pub(crate) fn sealed() -> Vec<Vec<u8>> {
    vec![seal::seal(keypair().public(), AAD, SECRET).expect("a fresh key seals")]
}

pub(crate) fn certificates() -> Vec<Vec<u8>> {
    let authority = Authority::create(NOW).expect("an authority is made");
    let device = authority.issue_device_identity(device(), NOW).expect("a certificate is issued");
    let der = CertificateDer::from_pem_slice(device.certificate_pem().as_bytes()).expect("PEM is read");
    vec![der.to_vec(), b"sluice:device/dev_0198c0de00007000800000000000002b".to_vec()]
}

fn keys() -> &'static (Verifier, String) {
    static KEYS: OnceLock<(Verifier, String)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let signer = Signer::generate();
        let known = [(signer.kid().to_owned(), signer.public().to_vec())];
        (Verifier::new(node(), known), signer.sign(&claims()))
    })
}

fn keypair() -> &'static seal::Keypair {
    static KEYPAIR: OnceLock<seal::Keypair> = OnceLock::new();
    KEYPAIR.get_or_init(seal::Keypair::generate)
}

fn claims() -> Claims {
    Claims {
        session: "ses_0198c0de00007000800000000000002a".parse().expect("a session id"),
        camera: "cam_0198c0de00007000800000000000002a".parse().expect("a camera id"),
        tier: Tier::Sub,
        tenant: "ten_0198c0de00007000800000000000002a".parse().expect("a tenant id"),
        node: node(),
        protocol: "webrtc".into(),
        ptz: false,
        iat: NOW_S,
        exp: NOW_S + 60,
        jti: "1".into(),
    }
}

fn device() -> DeviceId {
    "dev_0198c0de00007000800000000000002b".parse().expect("a device id")
}

fn node() -> NodeId {
    "node_0198c0de00007000800000000000002c".parse().expect("a node id")
}

const NOW_S: i64 = 1_760_000_000;
const NOW: UnixMillis = UnixMillis(NOW_S * 1_000);
const AAD: &[u8] = b"cam_0198c0de00007000800000000000002a";
const SECRET: &[u8] = b"a camera's password";
