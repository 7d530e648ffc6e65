use proptest::prelude::*;
use sluice_runtime::{Clock, uuid_v7};

use super::*;
use crate::decide::{Offered, Viewer, Wish};

struct Bench {
    book: Book,
    clock: Clock,
    start: Instant,
    tenant: TenantId,
}

impl Bench {
    fn new() -> Self {
        let clock = Clock::system();
        Self {
            book: Book::default(),
            clock,
            start: clock.now(),
            tenant: TenantId::from_uuid(uuid_v7(&clock)),
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn view(&self, credential: &str, correlation: &str) -> SessionView {
        let uuid = uuid_v7(&self.clock);
        SessionView {
            id: SessionId::from_uuid(uuid),
            tenant: self.tenant,
            camera: CameraId::from_uuid(uuid),
            tier: Tier::Sub,
            protocol: Protocol::Webrtc,
            node: NodeId::from_uuid(uuid),
            correlation: correlation.into(),
            credential: credential.into(),
            user: None,
            label: credential.into(),
            on_behalf_of: None,
            ptz: false,
            granted_at: UnixMillis(0),
            phase: Phase::Granted,
            hints: Hints::default(),
            qoe: None,
        }
    }

    fn granted(&mut self, seconds: u64) -> SessionId {
        let view = self.view("tok_a", "play_1");
        let id = view.id;
        self.book.grant(self.at(seconds), view, Terms::default());
        self.orders();
        id
    }

    fn orders(&mut self) -> Vec<Order> {
        std::iter::from_fn(|| self.book.poll()).collect()
    }

    fn mine(&self) -> Reach {
        Reach::Credential(self.tenant, "tok_a".into())
    }
}

fn ended_as(orders: &[Order]) -> Option<Ending> {
    orders.iter().find_map(|order| match order {
        Order::Changed(view) => match view.phase {
            Phase::Ended(why) => Some(why),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn a_grant_leases_the_feed_before_anything_else() {
    let mut bench = Bench::new();
    let view = bench.view("tok_a", "play_1");
    bench.book.grant(bench.at(0), view.clone(), Terms::default());
    assert_eq!(bench.orders()[0], Order::Lease(view.camera, view.tier));
    assert_eq!(bench.book.live(), 1);
}

#[test]
fn a_token_that_nobody_spends_ends_its_session() {
    let mut bench = Bench::new();
    let id = bench.granted(0);
    bench.book.woke(bench.at(69));
    assert!(bench.orders().is_empty());
    bench.book.woke(bench.at(70));
    let orders = bench.orders();
    assert_eq!((ended_as(&orders), orders[0] == Order::Revoke(id)), (Some(Ending::Unused), true));
    assert_eq!(bench.book.live(), 0);
}

#[test]
fn a_running_session_outlives_its_token_and_dies_of_age() {
    let mut bench = Bench::new();
    let id = bench.granted(0);
    bench.book.started(id);
    bench.book.connected(bench.at(0), id);
    bench.orders();
    bench.book.woke(bench.at(3_600));
    assert!(bench.orders().is_empty());
    bench.book.woke(bench.at(24 * 3_600));
    assert_eq!(ended_as(&bench.orders()), Some(Ending::MaxAge));
}

#[test]
fn renewing_leases_again_and_after_the_end_says_so() {
    let mut bench = Bench::new();
    let (id, mine) = (bench.granted(0), bench.mine());
    let view = bench.book.renew(bench.at(60), &mine, (id, None)).unwrap().0;
    assert_eq!(bench.orders(), [Order::Lease(view.camera, view.tier)]);
    bench.book.woke(bench.at(100));
    assert!(bench.orders().is_empty(), "the renewed token may still be spent");
    bench.book.ended(bench.at(101), id, EndReason::Silence);
    assert_eq!(bench.book.renew(bench.at(102), &mine, (id, None)), Err(Untouchable::Ended));
    bench.book.woke(bench.at(300));
    assert_eq!(bench.book.renew(bench.at(301), &mine, (id, None)), Err(Untouchable::Unknown));
}

#[test]
fn a_session_is_reached_by_its_tenant_its_credential_and_its_request_alone() {
    let mut bench = Bench::new();
    let (id, tenant) = (bench.granted(0), bench.tenant);
    let other = TenantId::from_uuid(uuid_v7(&bench.clock));
    let strangers = [
        Reach::Tenant(other),
        Reach::Credential(other, "tok_a".into()),
        Reach::Credential(tenant, "tok_b".into()),
        Reach::Play(tenant, "play_2".into()),
    ];
    for stranger in strangers {
        assert!(bench.book.list(&stranger).is_empty());
        assert_eq!(bench.book.end(bench.at(1), &stranger, id, Ending::Closed), Err(Untouchable::Unknown));
    }
    for reach in [Reach::Tenant(tenant), bench.mine(), Reach::Play(tenant, "play_1".into())] {
        assert_eq!(bench.book.list(&reach).len(), 1);
        assert!(bench.book.renew(bench.at(1), &reach, (id, None)).is_ok());
    }
}

#[test]
fn ending_twice_is_ending_once() {
    let mut bench = Bench::new();
    let (id, mine) = (bench.granted(0), bench.mine());
    bench.book.end(bench.at(1), &mine, id, Ending::Closed).unwrap();
    assert_eq!(ended_as(&bench.orders()), Some(Ending::Closed));
    bench.book.end(bench.at(2), &mine, id, Ending::Closed).unwrap();
    bench.book.ended(bench.at(2), id, EndReason::Revoked);
    assert!(bench.orders().is_empty());
}

#[test]
fn a_viewer_who_arrives_after_the_end_is_turned_away_at_the_node() {
    let mut bench = Bench::new();
    let (id, mine) = (bench.granted(0), bench.mine());
    bench.book.end(bench.at(1), &mine, id, Ending::Revoked).unwrap();
    bench.orders();
    bench.book.started(id);
    assert_eq!(bench.orders(), [Order::Revoke(id)]);
}

#[test]
fn a_start_key_finds_its_session_while_it_lives() {
    let mut bench = Bench::new();
    let view = bench.view("tok_a", "play_1");
    let key = StartKey {
        tenant: bench.tenant,
        credential: "tok_a".into(),
        on_behalf_of: "op".into(),
        camera: view.camera,
        client_ref: String::new(),
    };
    let id = view.id;
    bench.book.grant(bench.at(0), view, Terms { key: Some(key.clone()), ..Terms::default() });
    assert_eq!(bench.book.started_as(&key).map(|view| view.id), Some(id));
    bench.book.ended(bench.at(1), id, EndReason::Closed);
    assert!(bench.book.started_as(&key).is_none());
}

#[test]
fn a_session_goes_on_by_a_protocol_it_was_granted_for_and_by_no_other() {
    let mut bench = Bench::new();
    let (view, mine) = (bench.view("tok_a", "play_1"), bench.mine());
    let id = view.id;
    let terms = Terms { fallbacks: vec![Protocol::LlHls], ..Terms::default() };
    bench.book.grant(bench.at(0), view, terms);
    bench.orders();
    let to = |protocol| (id, Some(protocol));
    let hls = bench.book.renew(bench.at(1), &mine, to(Protocol::Hls));
    assert_eq!(hls.unwrap_err(), Untouchable::NotGranted(Protocol::Hls));
    let (view, fallbacks) = bench.book.renew(bench.at(1), &mine, to(Protocol::LlHls)).unwrap();
    assert_eq!((view.protocol, fallbacks), (Protocol::LlHls, vec![Protocol::Webrtc]));
    let orders = bench.orders();
    assert!(
        matches!(&orders[..], [Order::Switched(view), Order::Lease(..)] if view.protocol == Protocol::LlHls)
    );
    bench.book.renew(bench.at(2), &mine, (id, None)).unwrap();
    assert_eq!(bench.book.list(&mine)[0].protocol, Protocol::LlHls, "a renewal keeps the protocol");
    bench.book.renew(bench.at(3), &mine, to(Protocol::Webrtc)).unwrap();
    assert_eq!(bench.book.list(&mine)[0].protocol, Protocol::Webrtc, "and the way back is open");
}

#[test]
fn a_session_over_http_1_counts_until_it_ends() {
    let mut bench = Bench::new();
    let group = H1Group { tenant: bench.tenant, credential: "tok_a".into(), origin: None };
    let other = H1Group { origin: Some("https://a.example".into()), ..group.clone() };
    let mut ids = Vec::new();
    for _ in 0..3 {
        let view = bench.view("tok_a", "play_1");
        ids.push(view.id);
        let terms = Terms { h1: Some(group.clone()), ..Terms::default() };
        bench.book.grant(bench.at(0), view, terms);
    }
    assert_eq!((bench.book.h1_sessions(&group), bench.book.h1_sessions(&other)), (3, 0));
    bench.book.ended(bench.at(1), ids[0], EndReason::Closed);
    bench.book.ended(bench.at(1), ids[0], EndReason::Closed);
    assert_eq!(bench.book.h1_sessions(&group), 2);
    bench.book.end_all(bench.at(2), Ending::Revoked, |_| true);
    assert_eq!((bench.book.h1_sessions(&group), bench.book.h1_sessions.len()), (0, 0));
}

#[test]
fn a_camera_that_goes_ends_its_sessions_and_no_other() {
    let mut bench = Bench::new();
    let (first, second) = (bench.granted(0), bench.granted(0));
    let camera = bench.book.list(&bench.mine()).iter().find(|view| view.id == first).unwrap().camera;
    bench.book.end_all(bench.at(1), Ending::CameraGone, |view| view.camera == camera);
    let left: Vec<_> = bench.book.list(&bench.mine()).iter().map(|view| view.id).collect();
    assert_eq!(left, [second]);
}

fn two_tiers(id: CameraId) -> Basis {
    let offered = |tier, height| Offered {
        tier,
        codec: Some("avc1.42e01f".into()),
        b_frames: false,
        audio: None,
        width: height * 16 / 9,
        height,
        warm: true,
        watched: false,
        trouble: None,
    };
    let camera = Camera {
        id,
        enabled: true,
        pinned_protocol: None,
        pinned_tier: None,
        tiers: vec![offered(Tier::Main, 1_080), offered(Tier::Sub, 360)],
        device_online: true,
        by_node: false,
    };
    let wish = Wish { tile: Some(Tile { width: 480, height: 270 }), ..Wish::default() };
    Basis { wish, viewer: Viewer::default(), camera }
}

fn tile(height: u32) -> Hints {
    Hints { tile: Some(Tile { width: height * 16 / 9, height }), ..Hints::default() }
}

/// A session that plays a camera of two tiers by this protocol.
fn playing(bench: &mut Bench, protocol: Protocol) -> SessionView {
    let view = SessionView { protocol, ..bench.view("tok_a", "play_1") };
    let terms = Terms { basis: Some(two_tiers(view.camera)), ..Terms::default() };
    bench.book.grant(bench.at(0), view.clone(), terms);
    bench.book.started(view.id);
    bench.book.connected(bench.at(0), view.id);
    bench.orders();
    view
}

#[test]
fn the_node_moves_a_viewer_and_then_its_session_is_of_the_other_tier() {
    let mut bench = Bench::new();
    let (view, mine) = (playing(&mut bench, Protocol::Webrtc), bench.mine());
    bench.book.hint(bench.at(1), &mine, (view.id, &tile(1_080)), &[]).unwrap();
    assert_eq!(bench.orders(), [Order::Show(view.id, Tier::Main)]);
    assert_eq!(bench.book.list(&mine)[0].tier, Tier::Sub, "until the node says so");
    bench.book.tier_switched(bench.at(2), view.id, Tier::Main);
    let orders = bench.orders();
    assert!(
        matches!(&orders[..], [Order::Retiered(now, why)] if now.tier == Tier::Main && *why == [Why::TierByTile])
    );
    let lease = bench.book.renew(bench.at(3), &mine, (view.id, None)).unwrap().0;
    assert_eq!(lease.tier, Tier::Main, "who connects anew gets what it saw");
    bench.orders();
    bench.book.hint(bench.at(10), &mine, (view.id, &tile(270)), &[]).unwrap();
    assert!(bench.orders().is_empty());
    assert_eq!(bench.book.deadline(), Some(bench.at(15)));
    bench.book.woke(bench.at(15));
    assert_eq!(bench.orders(), [Order::Show(view.id, Tier::Sub)]);
}

#[test]
fn a_picture_that_nobody_sees_pauses_and_is_not_moved_until_somebody_does() {
    let mut bench = Bench::new();
    let (view, mine) = (playing(&mut bench, Protocol::Webrtc), bench.mine());
    let seen = |visible| Hints { visible: Some(visible), ..Hints::default() };
    bench.book.hint(bench.at(1), &mine, (view.id, &seen(true)), &[]).unwrap();
    assert!(bench.orders().is_empty(), "as it was");
    bench.book.hint(bench.at(2), &mine, (view.id, &seen(false)), &[]).unwrap();
    bench.book.hint(bench.at(3), &mine, (view.id, &tile(1_080)), &[]).unwrap();
    assert_eq!(bench.orders(), [Order::Pause(view.id, true)]);
    bench.book.started(view.id);
    bench.book.connected(bench.at(4), view.id);
    assert_eq!(
        bench.orders().last(),
        Some(&Order::Pause(view.id, true)),
        "connected anew, it is hidden still"
    );
    bench.book.hint(bench.at(5), &mine, (view.id, &seen(true)), &[]).unwrap();
    assert_eq!(bench.orders(), [Order::Pause(view.id, false), Order::Show(view.id, Tier::Main)]);
}

#[test]
fn a_tier_that_does_not_come_is_told_with_the_reason() {
    let mut bench = Bench::new();
    let (view, mine) = (playing(&mut bench, Protocol::Webrtc), bench.mine());
    bench.book.hint(bench.at(1), &mine, (view.id, &tile(1_080)), &[]).unwrap();
    bench.orders();
    bench.book.tier_stayed(bench.at(31), view.id, (Tier::Main, StayReason::NoPicture));
    let orders = bench.orders();
    assert!(
        matches!(&orders[..], [Order::Kept(now, _, Some(StayReason::NoPicture))] if now.tier == Tier::Sub)
    );
    bench.book.tier_stayed(bench.at(32), view.id, (Tier::Main, StayReason::NoPicture));
    assert!(bench.orders().is_empty(), "an answer to nothing");
}

#[test]
fn a_player_of_hls_is_told_to_move_and_finds_its_feed_open() {
    let mut bench = Bench::new();
    let (view, mine) = (playing(&mut bench, Protocol::LlHls), bench.mine());
    bench.book.hint(bench.at(1), &mine, (view.id, &tile(1_080)), &[]).unwrap();
    let orders = bench.orders();
    assert_eq!(orders[0], Order::Lease(view.camera, Tier::Main));
    assert!(matches!(&orders[1..], [Order::Retiered(now, _)] if now.tier == Tier::Main));
    assert_eq!(bench.book.renew(bench.at(2), &mine, (view.id, None)).unwrap().0.tier, Tier::Main);
}

#[test]
fn a_tile_that_grew_while_its_viewer_connected_is_looked_at_then() {
    let mut bench = Bench::new();
    let (view, mine) = (bench.view("tok_a", "play_1"), bench.mine());
    let terms = Terms { basis: Some(two_tiers(view.camera)), ..Terms::default() };
    bench.book.grant(bench.at(0), view.clone(), terms);
    bench.book.hint(bench.at(1), &mine, (view.id, &tile(1_080)), &[]).unwrap();
    assert!(!bench.orders().iter().any(|order| matches!(order, Order::Show(..))));
    bench.book.started(view.id);
    bench.book.connected(bench.at(2), view.id);
    assert_eq!(bench.orders().last(), Some(&Order::Show(view.id, Tier::Main)));
}

#[derive(Debug, Clone)]
enum Step {
    Grant,
    Renew(usize),
    Started(usize),
    Connected(usize),
    Hint(usize, u32),
    Switched(usize, bool),
    NodeEnded(usize),
    Close(usize),
    Wait(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = 0..6usize;
    let step = prop_oneof![
        3 => Just(Step::Grant),
        1 => one.clone().prop_map(Step::Renew),
        2 => one.clone().prop_map(Step::Started),
        2 => one.clone().prop_map(Step::Connected),
        2 => (one.clone(), 100..2_000_u32).prop_map(|(n, height)| Step::Hint(n, height)),
        1 => (one.clone(), any::<bool>()).prop_map(|(n, well)| Step::Switched(n, well)),
        1 => one.clone().prop_map(Step::NodeEnded),
        1 => one.prop_map(Step::Close),
        2 => (0..2_000u16).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens: every session ends, each end is told once, and in the end nothing is kept.
    #[test]
    fn every_session_ends_once_and_nothing_is_left(steps in steps()) {
        let mut bench = Bench::new();
        let (mut seconds, mut ids, mut ends) = (0, Vec::new(), HashMap::<SessionId, u32>::new());
        let mine = bench.mine();
        let picked = |ids: &[SessionId], n: usize| (!ids.is_empty()).then(|| ids[n % ids.len()]);
        for step in steps {
            let at = bench.at(seconds);
            match step {
                Step::Grant => {
                    let view = bench.view("tok_a", "play_1");
                    ids.push(view.id);
                    let basis = Some(two_tiers(view.camera));
                    bench.book.grant(at, view, Terms { basis, ..Terms::default() });
                }
                Step::Renew(n) => { picked(&ids, n).map(|id| bench.book.renew(at, &mine, (id, None)).is_ok()); }
                Step::Started(n) => picked(&ids, n).into_iter().for_each(|id| bench.book.started(id)),
                Step::Connected(n) => picked(&ids, n).into_iter().for_each(|id| bench.book.connected(at, id)),
                Step::Hint(n, height) => {
                    let hints = tile(height);
                    picked(&ids, n).map(|id| bench.book.hint(at, &mine, (id, &hints), &[]).is_ok());
                }
                Step::Switched(n, true) => {
                    picked(&ids, n).into_iter().for_each(|id| bench.book.tier_switched(at, id, Tier::Main));
                }
                Step::Switched(n, false) => {
                    let stayed = (Tier::Main, StayReason::NoPicture);
                    picked(&ids, n).into_iter().for_each(|id| bench.book.tier_stayed(at, id, stayed));
                }
                Step::NodeEnded(n) => {
                    picked(&ids, n).into_iter().for_each(|id| bench.book.ended(at, id, EndReason::Silence));
                }
                Step::Close(n) => { picked(&ids, n).map(|id| bench.book.end(at, &mine, id, Ending::Closed).is_ok()); }
                Step::Wait(more) => { seconds += u64::from(more); }
            }
            bench.book.woke(bench.at(seconds));
            prop_assert_eq!(bench.book.live(), bench.book.list(&mine).len());
            for order in bench.orders() {
                if let Order::Changed(view) = order && matches!(view.phase, Phase::Ended(_)) {
                    *ends.entry(view.id).or_default() += 1;
                }
            }
        }
        for _ in 0..2 {
            seconds += 25 * 3_600;
            bench.book.woke(bench.at(seconds));
        }
        for order in bench.orders() {
            if let Order::Changed(view) = order && matches!(view.phase, Phase::Ended(_)) {
                *ends.entry(view.id).or_default() += 1;
            }
        }
        prop_assert_eq!((bench.book.live(), bench.book.entries.len(), bench.book.deadline()), (0, 0, None));
        prop_assert!(ids.iter().all(|id| ends.get(id) == Some(&1)));
    }
}
