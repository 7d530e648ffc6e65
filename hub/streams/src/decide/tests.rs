use proptest::prelude::*;
use sluice_runtime::{Clock, uuid_v7};

use super::*;

fn offered(tier: Tier, height: u32) -> Offered {
    Offered {
        tier,
        codec: Some("avc1.42c01f".into()),
        b_frames: false,
        width: height * 16 / 9,
        height,
        warm: false,
        watched: false,
        trouble: None,
    }
}

fn camera(tiers: Vec<Offered>) -> Camera {
    let id = CameraId::from_uuid(uuid_v7(&Clock::system()));
    Camera { id, enabled: true, pinned_protocol: None, pinned_tier: None, tiers, device_online: true }
}

fn two_tiers() -> Camera {
    camera(vec![offered(Tier::Main, 1_080), offered(Tier::Sub, 360)])
}

fn ask(camera: &Camera, wish: Wish) -> Result<Decision, RefusalCode> {
    let node = Some(NodeId::from_uuid(uuid_v7(&Clock::system())));
    decide(&Inputs { wish, camera, viewer: &Viewer::default(), node }).map_err(|refusal| refusal.code)
}

fn tile(width: u32, height: u32) -> Wish {
    Wish { tile: Some(Tile { width, height }), ..Wish::default() }
}

#[test]
fn a_small_tile_gets_the_small_picture_and_a_large_one_the_large() {
    let camera = two_tiers();
    assert_eq!(ask(&camera, tile(480, 270)).unwrap().tier, Tier::Sub);
    assert_eq!(ask(&camera, tile(1_920, 1_080)).unwrap().tier, Tier::Main);
    let larger_than_all = ask(&camera, tile(3_840, 2_160)).unwrap();
    assert_eq!((larger_than_all.tier, larger_than_all.why.contains(&Why::TierLargest)), (Tier::Main, true));
}

#[test]
fn a_picture_a_little_smaller_than_the_tile_is_enough() {
    assert_eq!(ask(&two_tiers(), tile(853, 480)).unwrap().tier, Tier::Sub);
    assert_eq!(ask(&two_tiers(), tile(870, 490)).unwrap().tier, Tier::Main);
}

#[test]
fn sizes_that_are_not_known_yet_are_taken_for_the_usual_ones() {
    let camera = camera(vec![offered(Tier::Main, 0), offered(Tier::Sub, 0)]);
    assert_eq!(ask(&camera, tile(480, 270)).unwrap().tier, Tier::Sub);
    assert_eq!(ask(&camera, tile(1_600, 900)).unwrap().tier, Tier::Main);
}

#[test]
fn an_explicit_tier_is_given_or_refused() {
    let camera = two_tiers();
    let wish = Wish { tier: Some(Tier::Main), ..tile(100, 100) };
    assert_eq!(ask(&camera, wish).unwrap().tier, Tier::Main);
    let third = Wish { tier: Some(Tier::Third), ..Wish::default() };
    assert_eq!(ask(&camera, third), Err(RefusalCode::TierUnavailable));
}

#[test]
fn a_pin_wins_over_auto_and_refuses_another_wish() {
    let pinned = Camera { pinned_tier: Some(Tier::Main), ..two_tiers() };
    let decision = ask(&pinned, tile(100, 100)).unwrap();
    assert_eq!((decision.tier, decision.why.contains(&Why::TierPinned)), (Tier::Main, true));
    assert_eq!(ask(&pinned, Wish { tier: Some(Tier::Sub), ..Wish::default() }), Err(RefusalCode::TierPinned));

    let hls = Camera { pinned_protocol: Some(Protocol::LlHls), ..two_tiers() };
    assert_eq!(ask(&hls, Wish::default()), Err(RefusalCode::ProtocolUnavailable));
    let webrtc = Wish { protocol: Some(Protocol::Webrtc), ..Wish::default() };
    assert_eq!(ask(&hls, webrtc), Err(RefusalCode::ProtocolPinned));
}

#[test]
fn a_protocol_that_does_not_exist_here_is_refused_not_replaced() {
    for protocol in [Protocol::LlHls, Protocol::Hls] {
        let wish = Wish { protocol: Some(protocol), ..Wish::default() };
        assert_eq!(ask(&two_tiers(), wish), Err(RefusalCode::ProtocolUnavailable));
    }
    let near_live = Wish { latency_class: LatencyClass::NearLive, ..Wish::default() };
    let decision = ask(&two_tiers(), near_live).unwrap();
    assert!(decision.why.contains(&Why::ProtocolOnlyOne));
}

#[test]
fn h265_and_b_frames_are_passed_over_and_refused_when_there_is_nothing_else() {
    let mut hevc = offered(Tier::Main, 1_080);
    hevc.codec = Some("hvc1.1.6.L93.B0".into());
    let mut reordered = offered(Tier::Main, 1_080);
    reordered.b_frames = true;
    for bad in [hevc, reordered] {
        let mixed = camera(vec![bad.clone(), offered(Tier::Sub, 360)]);
        let decision = ask(&mixed, tile(1_920, 1_080)).unwrap();
        assert_eq!((decision.tier, decision.why.contains(&Why::TierByCodec)), (Tier::Sub, true));
        let main = Wish { tier: Some(Tier::Main), ..Wish::default() };
        assert_eq!(ask(&mixed, main), Err(RefusalCode::CodecUnsupported));
        assert_eq!(ask(&camera(vec![bad]), Wish::default()), Err(RefusalCode::CodecUnsupported));
    }
}

#[test]
fn a_camera_in_trouble_is_still_played() {
    let mut troubled = two_tiers();
    for offered in &mut troubled.tiers {
        offered.trouble = Some(("wrong-password".into(), "the camera refuses the password".into()));
    }
    assert!(ask(&troubled, Wish::default()).unwrap().why.contains(&Why::CameraTrouble));
    troubled.device_online = false;
    assert!(ask(&troubled, Wish::default()).unwrap().why.contains(&Why::DeviceOffline));
    troubled.enabled = false;
    assert_eq!(ask(&troubled, Wish::default()), Err(RefusalCode::CameraDisabled));
}

#[test]
fn a_viewer_without_h264_is_told_so() {
    let camera = two_tiers();
    let viewer = Viewer { codecs: vec!["vp8".into()] };
    let inputs = Inputs { wish: Wish::default(), camera: &camera, viewer: &viewer, node: None };
    assert_eq!(decide(&inputs).unwrap_err().code, RefusalCode::ViewerCodec);
}

#[test]
fn without_a_node_nothing_is_promised() {
    let camera = two_tiers();
    let inputs = Inputs { wish: Wish::default(), camera: &camera, viewer: &Viewer::default(), node: None };
    assert_eq!(decide(&inputs).unwrap_err().code, RefusalCode::NodeUnavailable);
}

fn any_offered() -> impl Strategy<Value = Offered> {
    let tiers = prop::sample::select(Tier::ALL.to_vec());
    let codecs = prop::sample::select(vec![None, Some("avc1.640028"), Some("hvc1.1"), Some("mjpeg")]);
    (tiers, codecs, any::<bool>(), 0..4_000u32, any::<bool>()).prop_map(
        |(tier, codec, b_frames, height, warm)| Offered {
            codec: codec.map(str::to_owned),
            b_frames,
            warm,
            ..offered(tier, height)
        },
    )
}

proptest! {
    #[test]
    fn what_is_decided_is_offered_playable_explained_and_always_the_same(
        tiers in prop::collection::vec(any_offered(), 0..4),
        size in prop::option::of((0..8_000u32, 0..8_000u32)),
    ) {
        let camera = camera(tiers);
        let wish = Wish { tile: size.map(|(width, height)| Tile { width, height }), ..Wish::default() };
        let viewer = Viewer::default();
        let inputs = Inputs { wish, camera: &camera, viewer: &viewer, node: Some(NodeId::from_uuid(camera.id.uuid())) };
        let first = decide(&inputs);
        prop_assert_eq!(&first, &decide(&inputs));
        if let Ok(decision) = first {
            let chosen = camera.tiers.iter().any(|o| o.tier == decision.tier && unplayable(o).is_none());
            prop_assert!(chosen && !decision.why.is_empty());
        }
    }
}
