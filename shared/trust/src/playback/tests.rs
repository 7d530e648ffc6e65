use super::*;

const NOW: i64 = 1_800_000_000;

fn claims(node: NodeId) -> Claims {
    let uuid = node.uuid();
    Claims {
        session: SessionId::from_uuid(uuid),
        camera: CameraId::from_uuid(uuid),
        tier: Tier::Sub,
        tenant: TenantId::from_uuid(uuid),
        node,
        protocol: "webrtc".into(),
        ptz: false,
        iat: NOW,
        exp: NOW + 60,
        jti: "one".into(),
    }
}

fn node(digit: char) -> NodeId {
    format!("node_{}", digit.to_string().repeat(32)).parse().unwrap()
}

fn verifier(signer: &Signer, audience: NodeId) -> Verifier {
    Verifier::new(audience, [(signer.kid().to_owned(), signer.public().to_vec())])
}

#[test]
fn a_token_says_what_was_signed() {
    let signer = Signer::generate();
    let token = signer.sign(&claims(node('1')));
    assert_eq!(verifier(&signer, node('1')).verify(&token, NOW + 59), Ok(claims(node('1'))));
}

#[test]
fn the_right_to_move_a_camera_is_signed_and_absent_where_it_is_not_given() {
    let signer = Signer::generate();
    let (without, with) = (claims(node('1')), Claims { ptz: true, ..claims(node('1')) });
    let said = |claims: &Claims| verifier(&signer, node('1')).verify(&signer.sign(claims), NOW);
    assert_eq!((said(&without), said(&with)), (Ok(without.clone()), Ok(with)));
    assert!(!serde_json::to_string(&without).unwrap().contains("ptz"), "as tokens were before");
}

#[test]
fn a_kept_key_has_the_same_name_and_signs_alike() {
    let signer = Signer::generate();
    let kept = Signer::load(signer.pkcs8()).unwrap();
    assert_eq!((kept.kid(), kept.public()), (signer.kid(), signer.public()));
    assert_eq!(kept.sign(&claims(node('1'))), signer.sign(&claims(node('1'))));
    assert_eq!(Signer::load(b"no key").err(), Some(SignerError));
}

#[test]
fn time_audience_and_key_are_judged() {
    let signer = Signer::generate();
    let token = signer.sign(&claims(node('1')));
    let verifier_here = verifier(&signer, node('1'));
    assert_eq!(verifier_here.verify(&token, NOW + 60), Err(TokenError::Expired));
    assert_eq!(verifier_here.verify(&token, NOW - 31), Err(TokenError::NotYetValid));
    assert_eq!(verifier(&signer, node('2')).verify(&token, NOW), Err(TokenError::WrongAudience));
    let stranger = Signer::generate();
    assert_eq!(verifier(&stranger, node('1')).verify(&token, NOW), Err(TokenError::UnknownKey));
    let impostor = Verifier::new(node('1'), [(signer.kid().to_owned(), stranger.public().to_vec())]);
    assert_eq!(impostor.verify(&token, NOW), Err(TokenError::BadSignature));
}

#[test]
fn a_token_of_another_algorithm_is_refused() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
    let signer = Signer::generate();
    let token = signer.sign(&claims(node('1')));
    let (_, rest) = token.split_once('.').unwrap();
    for (algorithm, refusal) in [("none", TokenError::Malformed), ("HS256", TokenError::Algorithm)] {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"{}"}}"#, signer.kid());
        let forged = format!("{}.{rest}", B64.encode(header));
        assert_eq!(verifier(&signer, node('1')).verify(&forged, NOW), Err(refusal));
    }
}

proptest::proptest! {
    #[test]
    fn one_changed_character_opens_nothing(at in 0usize..400, to in "[A-Za-z0-9_.-]") {
        let signer = Signer::generate();
        let token = signer.sign(&claims(node('1')));
        let at = at % token.len();
        // The last character of a 64-byte signature has four bits that mean nothing.
        proptest::prop_assume!(token[at..=at] != to && at + 1 < token.len());
        let forged = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        proptest::prop_assert!(verifier(&signer, node('1')).verify(&forged, NOW).is_err());
    }

    #[test]
    fn hostile_text_never_panics(text in ".{0,200}") {
        let signer = Signer::generate();
        proptest::prop_assert!(verifier(&signer, node('1')).verify(&text, NOW).is_err());
    }
}
