use proptest::prelude::*;
use sluice_ids::{CameraId, NodeId, SessionId, TenantId, UnixMillis};
use sluice_runtime::{Clock, uuid_v7};

use super::*;
use crate::{
    book::Phase,
    decide::{Offered, Protocol},
};

const SMALL: Tile = Tile { width: 480, height: 270 };
const LARGE: Tile = Tile { width: 1_920, height: 1_080 };

fn offered(tier: Tier, height: u32) -> Offered {
    Offered {
        tier,
        codec: Some("avc1.42e01f".into()),
        b_frames: false,
        audio: None,
        width: height * 16 / 9,
        height,
        warm: true,
        watched: false,
        trouble: None,
    }
}

struct Bench {
    choice: TierChoice,
    view: SessionView,
    start: Instant,
}

impl Bench {
    fn with(change: impl FnOnce(&mut Camera, &mut Wish)) -> Self {
        let clock = Clock::system();
        let uuid = uuid_v7(&clock);
        let mut camera = Camera {
            id: CameraId::from_uuid(uuid),
            enabled: true,
            pinned_protocol: None,
            pinned_tier: None,
            tiers: vec![offered(Tier::Main, 1_080), offered(Tier::Sub, 360)],
            device_online: true,
            by_node: false,
        };
        let mut wish = Wish { tile: Some(SMALL), ..Wish::default() };
        change(&mut camera, &mut wish);
        let view = SessionView {
            id: SessionId::from_uuid(uuid),
            tenant: TenantId::from_uuid(uuid),
            camera: camera.id,
            tier: Tier::Sub,
            protocol: Protocol::Webrtc,
            node: NodeId::from_uuid(uuid),
            correlation: String::new(),
            credential: String::new(),
            user: None,
            label: String::new(),
            on_behalf_of: None,
            ptz: false,
            granted_at: UnixMillis(0),
            phase: Phase::Connected,
            hints: Hints::default(),
            qoe: None,
        };
        let choice = TierChoice::new(Basis { wish, viewer: Viewer::default(), camera });
        Self { choice, view, start: clock.now() }
    }

    fn new() -> Self {
        Self::with(|_, _| {})
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// The tile is so large from here on.
    fn tile(&mut self, ms: u64, tile: Tile) -> Turn {
        self.view.hints.tile = Some(tile);
        self.look(ms)
    }

    fn look(&mut self, ms: u64) -> Turn {
        self.choice.look(self.at(ms), &self.view)
    }

    fn arrive(&mut self, tier: Tier) {
        self.choice.arrived(tier);
        self.view.tier = tier;
    }

    /// A session that was enlarged and shows the large picture.
    fn enlarged() -> Self {
        let mut bench = Self::new();
        bench.tile(0, LARGE);
        bench.arrive(Tier::Main);
        bench
    }
}

#[test]
fn a_tile_that_grows_gets_the_larger_picture_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.tile(0, SMALL), Turn::Keep);
    assert_eq!(bench.tile(1, LARGE), Turn::Show(Tier::Main, vec![Why::TierByTile]));
    assert_eq!(bench.tile(2, LARGE), Turn::Keep, "asked once");
    bench.arrive(Tier::Main);
    assert_eq!((bench.look(3), bench.choice.deadline()), (Turn::Keep, None));
}

#[test]
fn a_tile_that_shrinks_keeps_the_larger_picture_for_some_seconds() {
    let mut bench = Bench::enlarged();
    assert_eq!(bench.tile(10_000, SMALL), Turn::Keep);
    assert_eq!(bench.choice.deadline(), Some(bench.at(15_000)));
    assert_eq!(bench.look(14_999), Turn::Keep);
    assert_eq!(bench.look(15_000), Turn::Show(Tier::Sub, vec![Why::TierByTile]));
    bench.arrive(Tier::Sub);
    assert_eq!(bench.look(15_001), Turn::Keep);
}

#[test]
fn who_comes_back_in_time_changes_nothing() {
    let mut bench = Bench::enlarged();
    bench.tile(10_000, SMALL);
    assert_eq!(bench.tile(14_000, LARGE), Turn::Keep);
    assert_eq!(bench.choice.deadline(), None);
    bench.tile(16_000, SMALL);
    assert_eq!(bench.look(20_999), Turn::Keep, "the seconds count anew");
}

#[test]
fn a_tile_at_the_border_keeps_the_better_picture() {
    let mut bench = Bench::enlarged();
    // 480 lines of a tile are still filled by a picture of 360.
    let border = Tile { width: 850, height: 478 };
    bench.tile(10_000, border);
    assert_eq!((bench.look(60_000), bench.choice.deadline()), (Turn::Keep, None));
}

#[test]
fn attention_and_zoom_ask_for_the_larger_picture_in_a_small_tile() {
    let mut bench = Bench::new();
    bench.view.hints.focus = Some(true);
    assert_eq!(bench.look(0), Turn::Show(Tier::Main, vec![Why::TierByFocus]));
    let mut bench = Bench::new();
    bench.view.hints.zoom = Some(3.0);
    assert_eq!(bench.look(0), Turn::Show(Tier::Main, vec![Why::TierByTile]));
    bench.view.hints.zoom = Some(f64::NAN);
    assert!(matches!(bench.look(1), Turn::Keep | Turn::Show(..)), "nonsense is no panic");
}

#[test]
fn who_turns_back_before_the_picture_came_stays() {
    let mut bench = Bench::new();
    bench.tile(0, LARGE);
    assert_eq!(bench.tile(500, SMALL), Turn::Show(Tier::Sub, vec![Why::TierByTile]));
    assert_eq!((bench.look(600), bench.choice.deadline()), (Turn::Keep, None));
}

#[test]
fn pins_are_respected() {
    let asked = Bench::with(|_, wish| wish.tier = Some(Tier::Sub));
    let pinned = Bench::with(|camera, _| camera.pinned_tier = Some(Tier::Sub));
    for mut bench in [asked, pinned] {
        assert_eq!(bench.tile(0, LARGE), Turn::Keep);
        bench.view.hints.focus = Some(true);
        assert_eq!(bench.look(1), Turn::Keep);
    }
}

#[test]
fn a_picture_that_the_viewer_does_not_play_is_not_asked_for_and_that_is_told() {
    let h265 = Bench::with(|camera, _| camera.tiers[0].codec = Some("hvc1.1.6.L93.B0".into()));
    let b_frames = Bench::with(|camera, _| camera.tiers[0].b_frames = true);
    for mut bench in [h265, b_frames] {
        assert_eq!(bench.tile(0, LARGE), Turn::Because(vec![Why::TierByCodec]));
        assert_eq!(bench.look(1), Turn::Keep, "told once");
    }
    let mut over_hls = Bench::with(|camera, _| camera.tiers[0].b_frames = true);
    over_hls.view.protocol = Protocol::LlHls;
    assert_eq!(over_hls.tile(0, LARGE), Turn::Show(Tier::Main, vec![Why::TierByTile]));
}

#[test]
fn what_the_node_cannot_do_is_not_asked_again_for_a_while() {
    let mut bench = Bench::new();
    bench.tile(0, LARGE);
    assert!(bench.choice.stayed(bench.at(1_000), Tier::Main, false));
    assert_eq!(bench.tile(2_000, LARGE), Turn::Keep);
    assert!(!bench.choice.stayed(bench.at(2_000), Tier::Main, false), "it was not on its way");
    assert_eq!(bench.choice.deadline(), Some(bench.at(31_000)), "it is tried again by itself");
    assert!(matches!(bench.look(31_000), Turn::Show(Tier::Main, _)));
    // A node that says nothing at all has not moved it either.
    assert_eq!(bench.choice.deadline(), Some(bench.at(71_000)));
    assert_eq!((bench.look(71_000), bench.choice.deadline()), (Turn::Keep, Some(bench.at(131_000))));
    assert_eq!(bench.tile(131_000, SMALL), Turn::Keep);
    assert_eq!(bench.choice.deadline(), None, "nobody wants it any more");
}

#[test]
fn a_viewer_who_connects_anew_on_its_way_is_moved_when_it_is_there() {
    let mut bench = Bench::new();
    bench.tile(0, LARGE);
    assert!(bench.choice.stayed(bench.at(100), Tier::Main, true));
    assert!(matches!(bench.look(200), Turn::Show(Tier::Main, _)));
}

#[test]
fn a_camera_that_changed_is_decided_by_what_it_is_now() {
    let mut bench = Bench::with(|camera, _| camera.tiers[0].b_frames = true);
    bench.tile(0, LARGE);
    let mut camera = bench.choice.basis.camera.clone();
    camera.tiers[0].b_frames = false;
    bench.choice.know(&camera);
    assert_eq!(bench.look(1), Turn::Show(Tier::Main, vec![Why::TierByTile]));
}

proptest! {
    #[test]
    fn however_a_tile_changes_the_node_is_asked_seldom(
        steps in proptest::collection::vec((0..2_000_u64, 100..2_000_u32), 1..200),
    ) {
        let (mut bench, mut ms, mut orders) = (Bench::new(), 0, 0_u64);
        for (passed, height) in steps {
            ms += passed;
            if let Turn::Show(tier, _) = bench.tile(ms, Tile { width: height * 16 / 9, height }) {
                orders += 1;
                bench.arrive(tier);
            }
            prop_assert!(bench.choice.deadline().is_none_or(|at| at > bench.at(ms)));
        }
        prop_assert!(orders <= 2 + 2 * (ms / 5_000), "{orders} in {ms} ms");
    }
}
