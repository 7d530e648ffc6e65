//! Clients that nobody here wrote: ffmpeg and GStreamer, where installed.

use std::{
    io::{ErrorKind, Write as _},
    process::{Command, Output},
    time::Duration,
};

use sluice_camsim::{Auth, Camera, Camsim, CamsimConfig, Delivery, ParameterSets, Tier, TierConfig, clock};
use sluice_runtime::Clock;

use crate::support::camsim;

/// Runs a program at most 60 s; `None`, said loudly, when it is not installed.
pub(crate) async fn run(program: &'static str, arguments: &[&str]) -> Option<Output> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let output = tokio::task::spawn_blocking(move || {
        Command::new("timeout").args(["60", program]).args(arguments).output()
    });
    match output.await.unwrap() {
        // `timeout` says 127 when there is no such program.
        Ok(output) if output.status.code() != Some(127) => Some(output),
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{program}: {error}"),
        _ => {
            say(&format!("SKIPPED: {program} is not installed"));
            None
        }
    }
}

fn with_account(camera: &Camera, tier: Tier) -> String {
    camera.url(tier).replace("rtsp://", "rtsp://admin:camera@")
}

fn cameras() -> [CamsimConfig; 4] {
    let base = CamsimConfig { fps: 25, gop: Duration::from_secs(1), ..CamsimConfig::default() };
    let sub = TierConfig::sized(640, 360).at_kbps(1_000);
    [
        CamsimConfig { auth: Auth::Digest, ..base.clone() },
        CamsimConfig { auth: Auth::Basic, parameter_sets: ParameterSets::InBand, ..base.clone() },
        CamsimConfig { parameter_sets: ParameterSets::Sdp, sub: Some(sub), ..base.clone() },
        CamsimConfig { auth: Auth::Digest, delivery: Delivery::Replay, main: None, sub: Some(sub), ..base },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn ffprobe_counts_frames_and_finds_no_errors() {
    for config in cameras() {
        let camsim = camsim(config.clone()).await;
        for tier in [Tier::Main, Tier::Sub] {
            let Some(wanted) = config.tier(tier) else { continue };
            let url = with_account(&camsim.camera(1), tier);
            let entries = "stream=codec_name,profile,width,height,has_b_frames,nb_read_frames";
            let Some(output) = run(
                "ffprobe",
                &[
                    "-v",
                    "warning",
                    "-rtsp_transport",
                    "tcp",
                    "-count_frames",
                    "-show_entries",
                    entries,
                    "-of",
                    "csv=p=0",
                    "-read_intervals",
                    "%+2",
                    &url,
                ],
            )
            .await
            else {
                return;
            };
            let (told, errors) = (text(&output.stdout), text(&output.stderr));
            assert!(output.status.success() && errors.is_empty(), "{config:?}\n{errors}");
            let fields: Vec<&str> = told.trim().split(',').collect();
            let size = [wanted.width.to_string(), wanted.height.to_string()];
            assert_eq!(fields[..5], ["h264", "Constrained Baseline", &size[0], &size[1], "0"], "{told}");
            assert!(fields[5].parse::<u32>().unwrap() >= 25, "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_in_the_pictures_is_now_and_advances() {
    let camsim = camsim(CamsimConfig { auth: Auth::Digest, ..CamsimConfig::default() }).await;
    for (tier, width, height) in [(Tier::Main, 1280, 720), (Tier::Sub, 640, 360)] {
        let Some(clocks) = decoded_clocks(&camsim, tier, (width, height)).await else { return };
        let now = u64::try_from(Clock::system().unix_millis()).unwrap();
        assert_eq!(clocks.len(), 30);
        assert!(clocks.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] < 2_000), "{clocks:?}");
        assert!(now - clocks[29] < 10_000, "the last picture is {} ms old", now - clocks[29]);
    }
    let counts = camsim.camera(1).counts();
    let mean = counts.encode_us as f64 / counts.encoded as f64 / 1_000.0;
    say(&format!("painting and encoding: {mean:.1} ms a picture"));
}

async fn decoded_clocks(camsim: &Camsim, tier: Tier, (width, height): (usize, usize)) -> Option<Vec<u64>> {
    let url = with_account(&camsim.camera(1), tier);
    let arguments = ["-v", "error", "-rtsp_transport", "tcp", "-i", &url, "-frames:v", "30"];
    let raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-"];
    let output = run("ffmpeg", &[&arguments[..], &raw[..]].concat()).await?;
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    let pictures = output.stdout.chunks(width * height);
    Some(
        pictures
            .map(|luma| clock::read(luma, width, width, height).expect("every picture has a clock"))
            .collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_plays_a_digest_camera() {
    let camsim = camsim(CamsimConfig { auth: Auth::Digest, ..CamsimConfig::default() }).await;
    let url = format!("location={}", camsim.camera(1).url(Tier::Sub));
    let Some(output) = run(
        "gst-launch-1.0",
        &[
            "rtspsrc",
            &url,
            "protocols=tcp",
            "user-id=admin",
            "user-pw=camera",
            "!",
            "rtph264depay",
            "!",
            "h264parse",
            "!",
            "video/x-h264,width=640,height=360",
            "!",
            "fakesink",
            "num-buffers=30",
        ],
    )
    .await
    else {
        return;
    };
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let counts = camsim.camera(1).counts();
    assert!(counts.plays == 1 && counts.frames >= 30, "{counts:?}");
}

/// To the person who runs the tests: written past the harness, which keeps what a passing test prints.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
