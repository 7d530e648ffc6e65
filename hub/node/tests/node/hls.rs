//! A camera, pulled over RTSP, followed as an HLS player follows it.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use sluice_camsim::{AudioCodec, Camsim, CamsimConfig, Delivery, Fault, TierConfig, VideoCodec};
use sluice_ids::Tier;
use sluice_runtime::Clock;

use super::support::Stage;

/// A viewer of a stage whose camera is a virtual one.
struct Viewer {
    stage: Stage,
    camsim: Camsim,
    /// What stands before the names in its URLs.
    root: String,
    master: String,
}

impl Viewer {
    async fn of(video: VideoCodec, audio: Option<AudioCodec>) -> Self {
        let config = CamsimConfig {
            main: None,
            sub: Some(TierConfig::sized(640, 360).coded(video)),
            audio,
            delivery: Delivery::Replay,
            fps: 25,
            ..CamsimConfig::default()
        };
        let camsim = Camsim::start(config).await.unwrap();
        let stage = Stage::with_camera(Some(camsim.camera(1).url(Tier::Sub))).await;
        let mut claims = stage.claims();
        claims.protocol = "ll-hls".to_owned();
        let index = format!("/hls/{}/sub/index.m3u8?token={}", stage.camera, stage.token(&claims));
        let (status, body) = stage.get(&index).await;
        let master = String::from_utf8(body).unwrap();
        assert_eq!(status, StatusCode::OK, "{master}");
        let line = master.lines().find(|line| line.ends_with("/video.m3u8")).expect("pictures");
        let root = line[..=line.rfind('/').unwrap()].to_owned();
        Self { stage, camsim, root, master }
    }

    async fn text(&self, name: &str) -> String {
        let (status, body) = self.stage.get(&format!("{}{name}", self.root)).await;
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, StatusCode::OK, "{name}: {text}");
        text
    }

    /// Follows a playlist part by part, by blocking reload, until `enough` is in it.
    async fn follow(&self, playlist: &str, enough: impl Fn(&str) -> bool) -> String {
        let mut text = self.text(playlist).await;
        let clock = Clock::system();
        let give_up = clock.now() + PATIENCE;
        while !enough(&text) {
            assert!(clock.now() < give_up, "not in time:\n{text}");
            let hint = hint(&text);
            let (segment, part) = hint[1..].trim_end_matches(".m4s").split_once('.').unwrap();
            let uri = format!("{}{playlist}?_HLS_msn={segment}&_HLS_part={part}", self.root);
            let (status, body) = self.stage.get(&uri).await;
            match status {
                StatusCode::OK => text = String::from_utf8(body).unwrap(),
                // A camera that is away; players ask again.
                other => assert_eq!(other, StatusCode::SERVICE_UNAVAILABLE),
            }
        }
        text
    }

    /// The top-level boxes of a resource (ISO 14496-12 §4.2).
    async fn boxes(&self, name: &str) -> Vec<String> {
        let (status, bytes) = self.stage.get(&format!("{}{name}", self.root)).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        let (mut kinds, mut rest) = (Vec::new(), &bytes[..]);
        while let [a, b, c, d, k @ ..] = rest {
            kinds.push(String::from_utf8_lossy(&k[..4]).into_owned());
            rest = &rest[u32::from_be_bytes([*a, *b, *c, *d]) as usize..];
        }
        kinds
    }
}

fn hint(playlist: &str) -> String {
    let line = playlist.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT")).expect("a hint");
    line.split("URI=\"").nth(1).unwrap().trim_end_matches('"').to_owned()
}

fn parts(playlist: &str) -> Vec<String> {
    let parts = playlist.lines().filter(|line| line.starts_with("#EXT-X-PART:") && !line.contains("GAP=YES"));
    parts.map(|line| line.split("URI=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()).collect()
}

async fn plays(video: VideoCodec, audio: AudioCodec, codecs: [&str; 2]) {
    let viewer = Viewer::of(video, Some(audio)).await;
    assert!(codecs.iter().all(|codec| viewer.master.contains(codec)), "{codecs:?} in {}", viewer.master);
    for playlist in ["video.m3u8", "audio.m3u8"] {
        let text =
            viewer.follow(playlist, |text| parts(text).iter().any(|part| part[1..].starts_with("4."))).await;
        let map = text.split("#EXT-X-MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(viewer.boxes(map).await, ["ftyp", "moov"]);
        for part in parts(&text) {
            let boxes = viewer.boxes(&part).await;
            assert!(boxes.ends_with(&["moof".to_owned(), "mdat".to_owned()]), "{part}: {boxes:?}");
        }
    }
}

#[tokio::test]
async fn a_camera_plays_with_its_sound() {
    plays(VideoCodec::H264, AudioCodec::Aac, ["avc1.", "mp4a.40.2"]).await;
}

#[tokio::test]
async fn an_h265_camera_with_bframes_plays_with_opus() {
    plays(VideoCodec::H265Bframes, AudioCodec::Opus, ["hvc1.", "opus"]).await;
}

#[tokio::test]
async fn a_camera_that_breaks_off_goes_on_in_the_same_session() {
    let viewer = Viewer::of(VideoCodec::H264, None).await;
    viewer.follow("video.m3u8", |text| parts(text).len() > 5).await;
    viewer.camsim.camera(1).fault(Fault::Drop);
    let text = viewer.follow("video.m3u8", |text| text.contains("#EXT-X-DISCONTINUITY\n")).await;
    let behind = text.split("#EXT-X-DISCONTINUITY\n").nth(1).unwrap();
    assert!(!parts(behind).is_empty(), "{text}");
    assert_eq!(viewer.stage.relay.status().await.hls_sessions, 1);
}

#[tokio::test]
async fn the_last_viewer_who_leaves_closes_the_feed() {
    let viewer = Viewer::of(VideoCodec::H264, None).await;
    let status = viewer.stage.relay.status().await;
    assert_eq!((status.feeds_open, status.hls_sessions, status.feeds_packaged), (1, 1, 1));
    let session = viewer.root.split('/').take(4).collect::<Vec<_>>().join("/");
    let leave = Request::builder().method(Method::DELETE).uri(session).body(Body::empty()).unwrap();
    assert_eq!(viewer.stage.ask(leave).await.0, StatusCode::NO_CONTENT);
    let clock = Clock::system();
    let give_up = clock.now() + PATIENCE;
    while viewer.stage.relay.status().await.feeds_open > 0
        || viewer.stage.counter("sluice_node_packaging_bytes") > 0
    {
        assert!(clock.now() < give_up, "the feed did not close");
        clock.sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(viewer.stage.counter("sluice_node_packagings_begun_total"), 1);
    assert_eq!(viewer.stage.counter("sluice_node_packagings_ended_total"), 1);
}

/// Far longer than anything here takes: a wait without an end would hang the whole run.
const PATIENCE: Duration = Duration::from_secs(60);
