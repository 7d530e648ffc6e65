use sluice_wire::control::DesiredTier;

use super::*;

fn id(n: u128) -> CameraId {
    CameraId::from_uuid(uuid(n))
}

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn camera(n: u128, tiers: &[(Tier, &str)], warm: Warm) -> DesiredCamera {
    DesiredCamera {
        camera_id: id(n),
        name: "Dock".into(),
        tiers: tiers.iter().map(|(tier, url)| DesiredTier::new(*tier, *url)).collect(),
        username: "admin".into(),
        sealed_password: b"sealed:pw".to_vec(),
        warm,
        linger: Duration::from_secs(15),
        transport: control::Transport::Tcp,
        onvif: None,
        sealed_as: String::new(),
        session_budget: 0,
    }
}

fn wanted(cameras: Vec<DesiredCamera>) -> BTreeMap<Key, Spec> {
    let open = |_: &str, sealed: &[u8]| {
        let text = std::str::from_utf8(sealed).ok()?.strip_prefix("sealed:")?;
        Some(Secret::new(text.to_owned()))
    };
    specs(&cameras, &open)
}

fn keys(plan: &Plan) -> (Vec<Key>, Vec<Key>, Vec<(Key, bool)>) {
    (plan.close.clone(), plan.open.iter().map(|(key, _)| *key).collect(), plan.warm.clone())
}

const TWO: &[(Tier, &str)] = &[(Tier::Main, "rtsp://10.0.0.9/1"), (Tier::Sub, "rtsp://10.0.0.9/2")];

#[test]
fn the_same_document_twice_changes_nothing() {
    let now = wanted(vec![camera(1, TWO, Warm::Sub)]);
    let plan = plan(now.iter(), wanted(vec![camera(1, TWO, Warm::Sub)]));
    assert_eq!(keys(&plan), (vec![], vec![], vec![]));
}

#[test]
fn a_new_policy_keeps_the_sessions() {
    let now = wanted(vec![camera(1, TWO, Warm::Sub)]);
    let plan = plan(now.iter(), wanted(vec![camera(1, TWO, Warm::Main)]));
    let (main, sub) = ((id(1), Tier::Main), (id(1), Tier::Sub));
    assert_eq!(keys(&plan), (vec![], vec![], vec![(main, true), (sub, false)]));
}

#[test]
fn a_new_address_or_password_opens_anew_and_a_removed_camera_closes() {
    let now = wanted(vec![camera(1, TWO, Warm::Sub), camera(2, TWO, Warm::Sub), camera(3, TWO, Warm::Sub)]);
    let moved = camera(1, &[(Tier::Main, "rtsp://10.0.0.9/1"), (Tier::Sub, "rtsp://10.0.0.9/3")], Warm::Sub);
    let mut changed = camera(2, TWO, Warm::Sub);
    changed.sealed_password = b"sealed:new".to_vec();
    let plan = plan(now.iter(), wanted(vec![moved, changed]));
    let (close, open, _) = keys(&plan);
    assert_eq!(open, [(id(1), Tier::Sub), (id(2), Tier::Main), (id(2), Tier::Sub)]);
    assert_eq!(close.len(), 5);
}

#[test]
fn the_smallest_stream_is_warm_by_default() {
    let warm = |tiers: &[(Tier, &str)], policy| -> Vec<Tier> {
        let specs = wanted(vec![camera(1, tiers, policy)]);
        specs.iter().filter(|(_, spec)| spec.warm).map(|((_, tier), _)| *tier).collect()
    };
    assert_eq!(warm(TWO, Warm::Sub), [Tier::Sub]);
    assert_eq!(warm(&TWO[..1], Warm::Sub), [Tier::Main]);
    assert_eq!(warm(TWO, Warm::All), [Tier::Main, Tier::Sub]);
    assert!(warm(TWO, Warm::None).is_empty());
}

#[test]
fn what_cannot_be_reached_is_refused_in_words() {
    let mut foreign = camera(1, TWO, Warm::Sub);
    foreign.sealed_password = b"for somebody else".to_vec();
    let http = camera(2, &[(Tier::Main, "http://10.0.0.9/1")], Warm::Sub);
    let specs = wanted(vec![foreign, http]);
    assert!(specs[&(id(1), Tier::Main)].pull == Pull::Refused(Refusal::Password));
    assert!(specs[&(id(2), Tier::Main)].pull == Pull::Refused(Refusal::Address));
}
