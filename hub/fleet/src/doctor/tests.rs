use sluice_ids::UnixMillis;
use sluice_wire::control::{CameraReport, Capabilities, FoundTier};

use super::*;
use crate::{roster::fixtures, state::LinkState};

/// A camera that nothing is wrong with.
fn healthy() -> CameraState {
    let tier = |tier, width, height, kbps| {
        let mut report = TierReport::new(tier, TierState::Warm, UnixMillis(1));
        report.codec = Some("avc1.42c01f".into());
        (report.width, report.height, report.bitrate_kbps) = (width, height, kbps);
        (report.gop_s, report.fps, report.audio_codec) =
            (Some(2.0), Some(25.0), Some("MPEG4-GENERIC".into()));
        report.encoder = Some(EncoderSettings {
            codec: "H264".into(),
            profile: "Main".into(),
            width,
            height,
            fps: 25.0,
            bitrate_kbps: kbps,
            gop_frames: 50,
            constant_bitrate: Some(true),
        });
        report
    };
    let camera = fixtures::camera(1, fixtures::device_id(1));
    let tiers = vec![tier(Tier::Main, 1_920, 1_080, 4_096), tier(Tier::Sub, 640, 360, 512)];
    let mut report = CameraReport::new(camera.id, tiers);
    let can = Capabilities { encoder: true, ..Capabilities::default() };
    report.facts = Some(CameraFacts { can, clock_offset_ms: Some(-300), ..CameraFacts::default() });
    CameraState::derive(&camera, LinkState::Online, Some(&report))
}

fn advised(spoil: impl Fn(&mut CameraState)) -> Vec<(&'static str, Option<Tier>, Option<EncoderChange>)> {
    let mut camera = healthy();
    spoil(&mut camera);
    advise(&camera).into_iter().map(|advice| (advice.code.as_str(), advice.tier, advice.change)).collect()
}

fn set(camera: &mut CameraState, at: usize) -> &mut EncoderSettings {
    camera.tiers[at].encoder.as_mut().unwrap()
}

#[test]
fn each_rule_speaks_for_its_fault_and_only_then() {
    let none = EncoderChange::default;
    let gop = Some(EncoderChange { gop_frames: Some(50), ..none() });
    let baseline = Some(EncoderChange { profile: Some("Baseline".into()), ..none() });
    let h264 = Some(EncoderChange { codec: Some("H264".into()), ..none() });
    let small =
        Some(EncoderChange { width: Some(640), height: Some(360), bitrate_kbps: Some(512), ..none() });
    let lighter = Some(EncoderChange { bitrate_kbps: Some(512), ..none() });
    let constant = Some(EncoderChange { constant_bitrate: Some(true), ..none() });
    type Spoil = fn(&mut CameraState);
    let table: [(Spoil, &str, Option<Tier>, Option<EncoderChange>); 12] = [
        (
            |camera| {
                camera.tiers[0].gop_s = Some(4.0);
                set(camera, 0).gop_frames = 100;
            },
            "gop-long",
            Some(Tier::Main),
            gop.clone(),
        ),
        (
            |camera| {
                camera.tiers[1].gop_s = None;
                set(camera, 1).gop_frames = 250;
            },
            "gop-long",
            Some(Tier::Sub),
            gop,
        ),
        (|camera| camera.tiers[0].gop_s = Some(8.0), "gop-dynamic", Some(Tier::Main), None),
        (|camera| camera.tiers[1].b_frames = true, "b-frames", Some(Tier::Sub), baseline),
        (
            |camera| camera.tiers.iter_mut().for_each(|tier| tier.codec = Some("hvc1.1.6.L93.B0".into())),
            "h265-only",
            Some(Tier::Sub),
            h264,
        ),
        (|camera| drop(camera.tiers.pop()), "sub-missing", None, None),
        (
            |camera| {
                (camera.tiers[1].width, camera.tiers[1].height, camera.tiers[1].bitrate_kbps) =
                    (1_280, 720, 900);
            },
            "sub-large",
            Some(Tier::Sub),
            small,
        ),
        (|camera| camera.tiers[1].bitrate_kbps = 2_048, "sub-large", Some(Tier::Sub), lighter),
        (
            |camera| camera.tiers.iter_mut().for_each(|tier| tier.audio_codec = Some("PCMA".into())),
            "g711-only",
            None,
            None,
        ),
        (|camera| camera.facts.as_mut().unwrap().clock_offset_ms = Some(86_400_000), "clock-off", None, None),
        (|camera| camera.facts.as_mut().unwrap().clock_offset_ms = None, "clock-unknown", None, None),
        (
            |camera| {
                set(camera, 0).constant_bitrate = Some(false);
                camera.tiers[0].bitrate_kbps = 6_000;
            },
            "vbr-peaks",
            Some(Tier::Main),
            constant,
        ),
    ];
    assert_eq!(advised(|_| {}), []);
    let mut spoken = Vec::new();
    for (spoil, code, tier, change) in table {
        assert_eq!(advised(spoil), [(code, tier, change)]);
        spoken.push(code);
    }
    assert!(Code::ALL.iter().all(|code| spoken.contains(&code.as_str())), "a rule without a row");
}

#[test]
fn nothing_can_be_applied_where_the_camera_cannot_be_set() {
    let long = |camera: &mut CameraState| camera.tiers[0].encoder.as_mut().unwrap().gop_frames = 100;
    let gop = |camera: &mut CameraState| {
        long(camera);
        camera.tiers[0].gop_s = Some(4.0);
    };
    let unable = advised(|camera| {
        gop(camera);
        camera.facts.as_mut().unwrap().can.encoder = false;
    });
    assert_eq!(unable, [("gop-long", Some(Tier::Main), None)]);
    let unknown = advised(|camera| {
        camera.tiers[0].gop_s = Some(4.0);
        camera.tiers[0].encoder = None;
    });
    assert_eq!(unknown, [("gop-long", Some(Tier::Main), None)]);
    // A camera that is not ONVIF and was never pulled is not judged.
    let nothing = advised(|camera| {
        camera.facts = None;
        for tier in &mut camera.tiers {
            *tier = TierReport::new(tier.tier, TierState::Off, UnixMillis(0));
        }
    });
    assert_eq!(nothing, []);
}

#[test]
fn a_camera_that_was_only_found_is_judged_by_what_it_says() {
    let camera = healthy();
    let tiers = camera.tiers.iter().map(|report| FoundTier {
        tier: Some(report.tier),
        encoder: report.encoder.clone().unwrap(),
        ..FoundTier::default()
    });
    let mut found =
        FoundCamera { tiers: tiers.collect(), clock_offset_ms: Some(0), ..FoundCamera::default() };
    assert_eq!(advise_found(&found), []);
    found.tiers[0].encoder.gop_frames = 250;
    found.tiers.truncate(1);
    let codes: Vec<_> = advise_found(&found).iter().map(|advice| advice.code).collect();
    assert_eq!(codes, [Code::SubMissing, Code::GopLong]);
}

#[test]
fn every_text_is_told_in_both_languages() {
    for code in Code::ALL {
        let (en, pt) = code.setting();
        assert!(!en.is_empty() && !pt.is_empty());
    }
    let mut camera = healthy();
    camera.tiers[0].gop_s = Some(4.0);
    set(&mut camera, 0).gop_frames = 100;
    let text = advise(&camera).remove(0).text;
    assert!(
        text.en.starts_with("main: 4.0 s from one key frame")
            && text.pt_br.contains("4.0 s de um quadro-chave")
    );
    camera.facts.as_mut().unwrap().clock_offset_ms = Some(-7_500_000);
    let all = advise(&camera);
    assert!(all.iter().any(|advice| advice.text.en.contains("2 h behind")), "{all:?}");
}

#[test]
fn the_way_back_changes_only_what_was_changed() {
    let before = EncoderSettings {
        gop_frames: 100,
        bitrate_kbps: 4_096,
        fps: 25.0,
        width: 1_920,
        height: 1_080,
        ..EncoderSettings::default()
    };
    let after = EncoderSettings { gop_frames: 50, ..before.clone() };
    assert_eq!(back(&before, &after), EncoderChange { gop_frames: Some(100), ..EncoderChange::default() });
    assert_eq!(back(&before, &before), EncoderChange::default());
    let smaller = EncoderSettings { width: 640, ..before.clone() };
    let way = back(&before, &smaller);
    assert_eq!((way.width, way.height), (Some(1_920), Some(1_080)));
}
