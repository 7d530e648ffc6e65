use super::*;
use crate::RoleKind;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn device() -> DeviceId {
    "dev_0198c0de00007000800000000000002a".parse().unwrap()
}

fn node() -> NodeId {
    "node_0198c0de00007000800000000000002a".parse().unwrap()
}

#[test]
fn a_kept_authority_signs_under_the_same_root() {
    let authority = Authority::create(NOW).unwrap();
    let kept = Authority::load(authority.pems().clone()).unwrap();
    assert_eq!(kept.fingerprint(), authority.fingerprint());
    assert_eq!(kept.fingerprint().len(), 64);
    let identity = kept.issue_device_identity(device(), NOW).unwrap();
    assert_eq!(identity.ca_pem(), authority.ca_pem());
    assert_eq!(identity.device_id(), Some(device()));
    assert_eq!(identity.not_after().unwrap(), NOW.plus(CERTIFICATE_LIFE));
}

#[test]
fn an_authority_signs_without_the_root_key() {
    let mut pems = Authority::create(NOW).unwrap().pems().clone();
    pems.root_key = None;
    assert!(Authority::load(pems).unwrap().issue_hub(node(), NOW).is_ok());
}

#[test]
fn a_hub_is_control_and_node_and_a_node_is_a_node() {
    let authority = Authority::create(NOW).unwrap();
    let hub = authority.issue_hub(node(), NOW).unwrap();
    assert_eq!(hub.roles().unwrap(), [Role::Control, Role::Node(node())]);
    assert_eq!(hub.device_id(), None);
    let kinds: Vec<_> =
        authority.issue_node(node(), NOW).unwrap().roles().unwrap().iter().map(|r| r.kind()).collect();
    assert_eq!(kinds, [RoleKind::Node]);
}

#[test]
fn what_a_request_asks_for_is_not_believed() {
    let authority = Authority::create(NOW).unwrap();
    let key = generate_key().unwrap();
    let mut greedy = CertificateParams::default();
    greedy.subject_alt_names = vec![SanType::URI("sluice:control".try_into().unwrap())];
    let csr = greedy.serialize_request(&key).unwrap().pem().unwrap();
    let chain = authority.issue_device(device(), &csr, NOW).unwrap();
    let identity = Identity::load(key.serialize_pem(), chain, authority.ca_pem().to_owned()).unwrap();
    assert_eq!(identity.roles().unwrap(), [Role::Device(device())]);
}

#[test]
fn a_request_that_is_altered_or_no_request_is_refused() {
    let authority = Authority::create(NOW).unwrap();
    assert!(matches!(authority.issue_device(device(), "no", NOW), Err(AuthorityError::Request(_))));
    let csr = KeyRequest::generate().csr_pem;
    let mut der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(csr.as_bytes())
        .unwrap()
        .as_ref()
        .to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    assert!(CertificateSigningRequestParams::from_der(&der.into()).is_err());
}

#[test]
fn an_identity_must_fit_together_and_hides_its_key() {
    let authority = Authority::create(NOW).unwrap();
    let one = authority.issue_device_identity(device(), NOW).unwrap();
    let other = authority.issue_device_identity(device(), NOW).unwrap();
    let mixed = Identity::load(one.key_pem().into(), other.certificate_pem().into(), one.ca_pem().into());
    assert_eq!(mixed, Err(IdentityError::Mismatch));
    let broken = Identity::load("x".into(), one.certificate_pem().into(), one.ca_pem().into());
    assert_eq!(broken, Err(IdentityError::Key));
    let no_ca = Identity::load(one.key_pem().into(), one.certificate_pem().into(), String::new());
    assert_eq!(no_ca, Err(IdentityError::Ca));
    assert!(!format!("{one:?} {authority:?} {:?}", authority.pems()).contains("PRIVATE KEY"));
}
