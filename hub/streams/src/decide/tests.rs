use proptest::prelude::*;
use sluice_runtime::{Clock, uuid_v7};

use super::*;
use crate::refusal::HelpCode;

fn offered(tier: Tier, height: u32) -> Offered {
    Offered {
        tier,
        codec: Some("avc1.42c01f".into()),
        b_frames: false,
        audio: None,
        width: height * 16 / 9,
        height,
        warm: false,
        watched: false,
        trouble: None,
    }
}

fn camera(tiers: Vec<Offered>) -> Camera {
    let id = CameraId::from_uuid(uuid_v7(&Clock::system()));
    Camera {
        id,
        enabled: true,
        pinned_protocol: None,
        pinned_tier: None,
        tiers,
        device_online: true,
        by_node: false,
    }
}

fn two_tiers() -> Camera {
    camera(vec![offered(Tier::Main, 1_080), offered(Tier::Sub, 360)])
}

fn decided(camera: &Camera, wish: Wish, viewer: &Viewer, held: usize) -> Result<Decision, Refusal> {
    let node = Some(NodeId::from_uuid(camera.id.uuid()));
    decide(&Inputs { wish, camera, viewer, node, h1_sessions: held })
}

fn ask(camera: &Camera, wish: Wish) -> Result<Decision, RefusalCode> {
    decided(camera, wish, &Viewer::default(), 0).map_err(|refusal| refusal.code)
}

fn tile(width: u32, height: u32) -> Wish {
    Wish { tile: Some(Tile { width, height }), ..Wish::default() }
}

fn only(protocol: Protocol) -> Wish {
    Wish { protocol: ProtocolWish::Only(protocol), ..Wish::default() }
}

fn decodes(codecs: &[&str]) -> Viewer {
    Viewer { codecs: codecs.iter().map(|codec| (*codec).to_owned()).collect(), ..Viewer::default() }
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

    for protocol in Protocol::ALL {
        let pinned = Camera { pinned_protocol: Some(protocol), ..two_tiers() };
        let decision = ask(&pinned, Wish::default()).unwrap();
        assert_eq!((decision.protocol, decision.why[0]), (protocol, Why::ProtocolPinned));
        assert!(decision.fallbacks.is_empty(), "nothing else is offered in a pin's place");
        for other in Protocol::ALL.into_iter().filter(|other| *other != protocol) {
            assert_eq!(ask(&pinned, only(other)), Err(RefusalCode::ProtocolPinned));
        }
    }
}

type Row<'a> = (&'a str, &'a Viewer, Wish, &'a Offered, usize, Protocol, &'a [Why], &'a [Protocol]);

/// Each row: what the viewer is and asks, what the camera sends; protocol, reasons, fallbacks.
#[test]
fn each_branch_of_the_protocol_has_its_reason() {
    use Protocol::{Hls, LlHls, Webrtc};
    let (plain, class) = (Wish::default(), |class| Wish { latency_class: class, ..Wish::default() });
    let blocked = Viewer { udp: Udp::Blocked, ..Viewer::default() };
    let h1 = Viewer { http: Http::H1, ..Viewer::default() };
    let blocked_h1 = Viewer { udp: Udp::Blocked, ..h1.clone() };
    let loud = Viewer { audio: true, ..Viewer::default() };
    let hevc_everywhere = decodes(&["h264", "h265"]);
    let any_hls = Wish { protocol: ProtocolWish::AnyHls, ..Wish::default() };
    let avc = offered(Tier::Sub, 360);
    let with_sound = |audio: &str| Offered { audio: Some(audio.into()), ..avc.clone() };
    let reordered = Offered { b_frames: true, ..avc.clone() };
    let hevc = Offered { codec: Some("hvc1.1.6.L93.B0".into()), ..avc.clone() };
    let nobody = Viewer::default();
    let rows: Vec<Row<'_>> = vec![
        ("auto", &nobody, plain, &avc, 0, Webrtc, &[Why::ProtocolLowestDelay], &[LlHls, Hls]),
        ("asked", &nobody, only(LlHls), &avc, 0, LlHls, &[Why::ProtocolAsked], &[]),
        ("plain hls", &nobody, only(Hls), &avc, 0, Hls, &[Why::ProtocolAsked], &[]),
        ("any hls", &nobody, any_hls, &avc, 0, LlHls, &[Why::ProtocolAsked], &[]),
        ("any hls, full", &h1, any_hls, &avc, 4, Hls, &[Why::ProtocolAsked, Why::LlHlsLimit], &[]),
        (
            "near live",
            &nobody,
            class(LatencyClass::NearLive),
            &avc,
            0,
            LlHls,
            &[Why::ProtocolByClass],
            &[Webrtc, Hls],
        ),
        ("near live, full", &h1, class(LatencyClass::NearLive), &avc, 4, Webrtc, &[Why::LlHlsLimit], &[Hls]),
        (
            "broadcast",
            &nobody,
            class(LatencyClass::Broadcast),
            &avc,
            0,
            LlHls,
            &[Why::ProtocolByClass],
            &[Webrtc, Hls],
        ),
        ("broadcast, full", &h1, class(LatencyClass::Broadcast), &avc, 4, Hls, &[Why::LlHlsLimit], &[Webrtc]),
        ("blocked", &blocked, plain, &avc, 0, LlHls, &[Why::UdpBlocked], &[Hls]),
        ("blocked, full", &blocked_h1, plain, &avc, 4, Hls, &[Why::LlHlsLimit], &[]),
        ("blocked, but asked", &blocked, only(Webrtc), &avc, 0, Webrtc, &[Why::ProtocolAsked], &[]),
        ("webrtc does not count", &h1, plain, &avc, 4, Webrtc, &[Why::ProtocolLowestDelay], &[Hls]),
        ("three of four", &h1, plain, &avc, 3, Webrtc, &[Why::ProtocolLowestDelay], &[LlHls, Hls]),
        ("b-frames", &nobody, plain, &reordered, 0, LlHls, &[Why::BFramesNeedHls], &[Hls]),
        (
            "h265 by both",
            &hevc_everywhere,
            plain,
            &hevc,
            0,
            Webrtc,
            &[Why::ProtocolLowestDelay],
            &[LlHls, Hls],
        ),
    ];
    for (name, viewer, wish, offered, held, protocol, why, fallbacks) in rows {
        let decision = decided(&camera(vec![offered.clone()]), wish, viewer, held).expect(name);
        assert_eq!((decision.protocol, &decision.fallbacks[..]), (protocol, fallbacks), "{name}");
        assert_eq!(&decision.why[..why.len()], why, "{name}");
        assert!(decision.why.contains(&Why::TierOnlyOne), "{name}: {:?}", decision.why);
    }
    let decide = |viewer: &Viewer, offered: &Offered| {
        let decision = decided(&camera(vec![offered.clone()]), plain, viewer, 0).unwrap();
        (decision.protocol, decision.why)
    };
    let (protocol, why) = decide(&loud, &with_sound("MPEG4-GENERIC"));
    assert_eq!((protocol, why[0]), (LlHls, Why::AudioNeedsHls));
    for carried in ["PCMA", "pcmu", "opus"] {
        let (protocol, why) = decide(&loud, &with_sound(carried));
        assert_eq!((protocol, why.contains(&Why::AudioNotCarried)), (Webrtc, false));
    }
    let (protocol, why) = decide(&nobody, &with_sound("mp4a.40.2"));
    assert_eq!((protocol, why.contains(&Why::AudioNotCarried)), (Webrtc, false), "no sound was asked for");
    let (protocol, why) = decide(&loud, &with_sound("G726-32"));
    assert_eq!((protocol, why.contains(&Why::AudioNotCarried)), (Webrtc, true), "nothing carries it");
    let telephone = Offered { audio: Some("PCMA".into()), ..reordered };
    let (protocol, why) = decide(&loud, &telephone);
    assert_eq!((protocol, why.contains(&Why::AudioNotCarried)), (LlHls, false), "as FLAC");
    let deaf = Viewer { audio: true, ..decodes(&["h264", "webrtc:flac"]) };
    assert!(decide(&deaf, &telephone).1.contains(&Why::AudioNotCarried));
    let (protocol, why) = decide(&decodes(&["h264", "mse:h265"]), &hevc);
    assert_eq!((protocol, why[0], why.contains(&Why::H265Decoded)), (LlHls, Why::CodecNeedsHls, true));
    let blocked = Viewer { udp: Udp::Blocked, ..decodes(&["h264", "webrtc:h265"]) };
    let (protocol, why) = decide(&blocked, &hevc);
    let last_resort = [Why::CodecNeedsWebrtc, Why::CodecNeedsWebrtc, Why::WebrtcOverTcp];
    assert_eq!((protocol, &why[..3]), (Webrtc, &last_resort[..]));
    let (_, why) = decide(&nobody, &Offered { codec: None, ..avc });
    assert!(why.contains(&Why::CodecUnknown));
    let mut by_node = two_tiers();
    by_node.by_node = true;
    let why = ask(&by_node, plain).unwrap().why;
    assert!(why.contains(&Why::PathNode) && !why.contains(&Why::PathEdge));
}

#[test]
fn a_stream_that_does_not_play_is_passed_over_for_one_that_does() {
    let hevc = Offered { codec: Some("hvc1.1.6.L93.B0".into()), ..offered(Tier::Main, 1_080) };
    let reordered = Offered { b_frames: true, ..offered(Tier::Main, 1_080) };
    for bad in [hevc, reordered] {
        let mixed = camera(vec![bad.clone(), offered(Tier::Sub, 360)]);
        let decision = ask(&mixed, tile(1_920, 1_080)).unwrap();
        let by_codec = decision.why.contains(&Why::TierByCodec);
        assert_eq!((decision.protocol, decision.tier, by_codec), (Protocol::Webrtc, Tier::Sub, true));
    }
}

fn helps(refusal: &Refusal) -> Vec<(HelpCode, &str)> {
    refusal.helps.iter().map(|help| (help.code, help.about.as_str())).collect()
}

#[test]
fn what_does_not_play_is_refused_with_what_would_help() {
    let nobody = Viewer::default();
    let reordered = Offered { b_frames: true, ..offered(Tier::Main, 1_080) };
    let mixed = camera(vec![reordered, offered(Tier::Sub, 360)]);
    let wish = Wish { tier: Some(Tier::Main), ..only(Protocol::Webrtc) };
    let refusal = decided(&mixed, wish, &nobody, 0).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::CodecUnsupported);
    assert_eq!(
        helps(&refusal),
        [
            (HelpCode::OtherTier, "sub"),
            (HelpCode::OtherProtocol, "ll-hls"),
            (HelpCode::OtherProtocol, "hls"),
            (HelpCode::BFramesOff, "")
        ]
    );
    let text = refusal.text(crate::Language::En);
    assert!(text.contains("(main: avc1.42c01f with B-frames); ask for the tier sub, or ask"), "{text}");
    assert!(refusal.text(crate::Language::PtBr).contains(", ou peça o protocolo ll-hls"));

    let hevc = camera(vec![Offered { codec: Some("hvc1.1".into()), ..offered(Tier::Main, 1_080) }]);
    let refusal = decided(&hevc, Wish::default(), &nobody, 0).unwrap_err();
    assert_eq!(helps(&refusal), [(HelpCode::SetH264, ""), (HelpCode::OtherProgram, "")]);
    let pinned = Camera { pinned_protocol: Some(Protocol::Webrtc), ..hevc };
    let refusal = decided(&pinned, Wish::default(), &decodes(&["mse:h265"]), 0).unwrap_err();
    let offers_another = helps(&refusal).iter().any(|(code, _)| *code == HelpCode::OtherProtocol);
    assert_eq!((refusal.code, offers_another), (RefusalCode::CodecUnsupported, false));

    let foreign = camera(vec![Offered { codec: Some("mjpeg".into()), ..offered(Tier::Main, 1_080) }]);
    let refusal = decided(&foreign, Wish::default(), &nobody, 0).unwrap_err();
    assert_eq!(helps(&refusal), [(HelpCode::SetH264, "")]);
    let mut told = offered(Tier::Main, 1_080);
    told.codec = None;
    told.trouble = Some(("unsupported-codec".into(), "the camera sends JPEG".into()));
    let refusal = decided(&camera(vec![told]), Wish::default(), &nobody, 0).unwrap_err();
    assert!(refusal.about.contains("the camera sends JPEG"));
}

#[test]
fn a_fifth_low_latency_stream_over_http_1_is_refused_where_it_must_be_that_one() {
    let h1 = Viewer { http: Http::H1, ..Viewer::default() };
    let camera = two_tiers();
    assert!(decided(&camera, only(Protocol::LlHls), &h1, 3).is_ok());
    let refusal = decided(&camera, only(Protocol::LlHls), &h1, 4).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::LlHlsLimit);
    let pinned = Camera { pinned_protocol: Some(Protocol::LlHls), ..camera.clone() };
    assert_eq!(decided(&pinned, Wish::default(), &h1, 4).unwrap_err().code, RefusalCode::LlHlsLimit);
    for http in [Http::H2, Http::H3, Http::Unknown] {
        let viewer = Viewer { http, ..Viewer::default() };
        assert!(decided(&camera, only(Protocol::LlHls), &viewer, 100).is_ok());
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
fn a_viewer_without_any_codec_of_ours_is_told_so() {
    let refusal = decided(&two_tiers(), Wish::default(), &decodes(&["vp8"]), 0).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::ViewerCodec);
    let refusal = decided(&two_tiers(), Wish::default(), &decodes(&["h265"]), 0).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::CodecUnsupported);
}

#[test]
fn without_a_node_nothing_is_promised() {
    let (camera, viewer) = (two_tiers(), Viewer::default());
    let inputs =
        Inputs { wish: Wish::default(), camera: &camera, viewer: &viewer, node: None, h1_sessions: 0 };
    assert_eq!(decide(&inputs).unwrap_err().code, RefusalCode::NodeUnavailable);
}

#[test]
fn a_stream_is_carried_by_what_its_pictures_allow() {
    let carried = |offered: &Offered| carriers(offered).into_iter().map(Protocol::as_str).collect::<Vec<_>>();
    let avc = offered(Tier::Main, 1_080);
    assert_eq!(carried(&avc), ["webrtc", "ll-hls", "hls"]);
    assert_eq!(
        carried(&Offered { codec: Some("hvc1.1".into()), ..avc.clone() }),
        ["webrtc", "ll-hls", "hls"]
    );
    assert_eq!(carried(&Offered { b_frames: true, ..avc.clone() }), ["ll-hls", "hls"]);
    assert!(carried(&Offered { codec: Some("mjpeg".into()), ..avc }).is_empty());
}

const CODECS: [Option<&str>; 4] = [None, Some("avc1.640028"), Some("hvc1.1"), Some("mjpeg")];
const WISHES: [ProtocolWish; 5] = [
    ProtocolWish::Auto,
    ProtocolWish::AnyHls,
    ProtocolWish::Only(Protocol::Webrtc),
    ProtocolWish::Only(Protocol::LlHls),
    ProtocolWish::Only(Protocol::Hls),
];

/// Every combination of what the protocol hangs on, for one stream.
fn every_case(mut look: impl FnMut(&Camera, Wish, &Viewer, usize)) {
    let programs: [&[&str]; 6] =
        [&[], &["h264"], &["h264", "h265"], &["webrtc:h265", "mse:h264"], &["mse:h265", "aac"], &["vp8"]];
    let pins = [None, Some(Protocol::Webrtc), Some(Protocol::LlHls), Some(Protocol::Hls)];
    let sounds = [None, Some("PCMA"), Some("MPEG4-GENERIC"), Some("G726-32")];
    let streams = CODECS.into_iter().flat_map(|codec| [(codec, false), (codec, true)]);
    let streams = streams.flat_map(|(codec, b_frames)| sounds.map(|sound| (codec, b_frames, sound)));
    let networks = [Udp::Open, Udp::Blocked]
        .into_iter()
        .flat_map(|udp| [(Http::H1, 0), (Http::H1, 4), (Http::H2, 4)].map(|(http, held)| (udp, http, held)));
    let networks: Vec<_> = networks.flat_map(|network| [(network, false), (network, true)]).collect();
    let classes = [LatencyClass::Interactive, LatencyClass::NearLive, LatencyClass::Broadcast];
    for (codec, b_frames, sound) in streams {
        let (codec, audio) = (codec.map(str::to_owned), sound.map(str::to_owned));
        let mut camera = camera(vec![Offered { codec, b_frames, audio, ..offered(Tier::Sub, 360) }]);
        for pin in pins {
            camera.pinned_protocol = pin;
            for program in programs {
                for ((udp, http, held), audio) in networks.iter().copied() {
                    let viewer = Viewer { udp, http, audio, ..decodes(program) };
                    for (protocol, latency_class) in
                        WISHES.into_iter().flat_map(|wish| classes.map(|class| (wish, class)))
                    {
                        let wish = Wish { protocol, latency_class, ..Wish::default() };
                        look(&camera, wish, &viewer, held);
                    }
                }
            }
        }
    }
}

#[test]
fn in_every_case_the_answer_is_the_same_plays_is_explained_and_no_pin_or_wish_is_replaced() {
    let (mut cases, mut granted) = (0, 0);
    every_case(|camera, wish, viewer, held| {
        cases += 1;
        let first = decided(camera, wish, viewer, held);
        assert_eq!(first, decided(camera, wish, viewer, held));
        let stream = &camera.tiers[0];
        let Ok(decision) = first else {
            let refusal = first.unwrap_err();
            if refusal.code == RefusalCode::CodecUnsupported {
                assert!(
                    !refusal.helps.is_empty() && !refusal.about.is_empty(),
                    "{camera:?} {wish:?} {viewer:?}"
                );
            }
            let auto = wish.protocol == ProtocolWish::Auto && camera.pinned_protocol.is_none();
            let plays = Protocol::ALL.iter().any(|protocol| stream.fault(*protocol, viewer).is_none());
            assert!(!(auto && plays), "refused what plays: {refusal:?} {camera:?} {viewer:?}");
            return;
        };
        granted += 1;
        if let Some(pin) = camera.pinned_protocol {
            assert_eq!(decision.protocol, pin);
        }
        match wish.protocol {
            ProtocolWish::Auto => {}
            ProtocolWish::Only(asked) => assert_eq!(decision.protocol, asked),
            ProtocolWish::AnyHls => assert_ne!(decision.protocol, Protocol::Webrtc),
        }
        for protocol in decision.fallbacks.iter().chain([&decision.protocol]) {
            assert_eq!(stream.fault(*protocol, viewer), None, "{camera:?} {viewer:?}");
            assert!(*protocol != Protocol::Webrtc || !stream.b_frames, "B-frames go over WebRTC");
            assert!(*protocol != Protocol::LlHls || viewer.http != Http::H1 || held < H1_MOST);
        }
        assert!(!decision.fallbacks.contains(&decision.protocol) && decision.fallbacks.is_sorted());
        assert!(decision.why.len() >= 3, "protocol, tier and path are explained: {:?}", decision.why);
    });
    assert!(cases > 20_000 && granted > cases / 10, "{granted} of {cases}");
}

fn any_offered() -> impl Strategy<Value = Offered> {
    let (tiers, codecs) = (prop::sample::select(Tier::ALL.to_vec()), prop::sample::select(CODECS.to_vec()));
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
        protocol in prop::sample::select(WISHES.to_vec()),
    ) {
        let camera = camera(tiers);
        let size = size.map(|(width, height)| Tile { width, height });
        let wish = Wish { tile: size, protocol, ..Wish::default() };
        let viewer = Viewer::default();
        let first = decided(&camera, wish, &viewer, 0);
        prop_assert_eq!(&first, &decided(&camera, wish, &viewer, 0));
        if let Ok(decision) = first {
            let plays = |o: &Offered| o.tier == decision.tier && o.fault(decision.protocol, &viewer).is_none();
            prop_assert!(camera.tiers.iter().any(plays) && !decision.why.is_empty());
        } else {
            let hopeless = |o: &Offered| o.fault(Protocol::LlHls, &viewer).is_some();
            prop_assert!(protocol == ProtocolWish::Only(Protocol::Webrtc) || camera.tiers.iter().all(hopeless));
        }
    }
}
