//! Every codec as clients that nobody here wrote see it.

use std::{path::Path, time::Duration};

use sluice_camsim::{
    AudioCodec, CamsimConfig, ParameterSets, Tier, TierConfig, Transport, VideoCodec, clock,
};

use crate::{
    clients::{run, say, text},
    support::camsim,
};

fn camera(codec: VideoCodec, audio: AudioCodec) -> CamsimConfig {
    CamsimConfig {
        main: None,
        sub: Some(TierConfig::sized(640, 360).coded(codec)),
        fps: 25,
        gop: Duration::from_secs(1),
        audio: Some(audio),
        ..CamsimConfig::default()
    }
}

/// How ffmpeg calls them, and whether pictures are reordered.
const fn names(codec: VideoCodec) -> (&'static str, bool) {
    match codec {
        VideoCodec::H264 => ("h264", false),
        VideoCodec::H264Bframes => ("h264", true),
        VideoCodec::H265 => ("hevc", false),
        VideoCodec::H265Bframes => ("hevc", true),
    }
}

const fn name(audio: AudioCodec) -> &'static str {
    match audio {
        AudioCodec::Pcmu => "pcm_mulaw",
        AudioCodec::Pcma => "pcm_alaw",
        AudioCodec::Aac | AudioCodec::Latm => "aac",
        AudioCodec::Opus => "opus",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ffprobe_finds_every_codec_without_an_error() {
    for (codec, audio, sets) in [
        (VideoCodec::H265, AudioCodec::Aac, ParameterSets::Both),
        (VideoCodec::H264Bframes, AudioCodec::Opus, ParameterSets::InBand),
        (VideoCodec::H265Bframes, AudioCodec::Latm, ParameterSets::Sdp),
        (VideoCodec::H265, AudioCodec::Pcma, ParameterSets::InBand),
        (VideoCodec::H264, AudioCodec::Pcmu, ParameterSets::Sdp),
    ] {
        let camsim = camsim(CamsimConfig { parameter_sets: sets, ..camera(codec, audio) }).await;
        let entries = "stream=codec_name,has_b_frames,nb_read_frames";
        let url = camsim.camera(1).url(Tier::Sub);
        let arguments =
            ["-v", "warning", "-rtsp_transport", "tcp", "-count_frames", "-show_entries", entries];
        let rest = ["-of", "compact=p=0:nk=0", "-read_intervals", "%+2", &url];
        let Some(output) = run("ffprobe", &[&arguments[..], &rest[..]].concat()).await else { return };
        let (told, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && errors.is_empty(), "{codec} {audio} {sets:?}\n{errors}\n{told}");
        let (video, reordered) = names(codec);
        let reordered = format!("codec_name={video}|has_b_frames={}|", u8::from(reordered));
        let sound = format!("codec_name={}|", name(audio));
        assert!(told.contains(&reordered) && told.contains(&sound), "{codec} {audio}: {told}");
        for line in told.lines() {
            let frames = line.split("nb_read_frames=").nth(1).and_then(|frames| frames.parse::<u32>().ok());
            assert!(frames.is_some_and(|frames| frames >= 20), "{codec} {audio}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_takes_every_codec_over_udp() {
    for (codec, audio, video_elements, audio_elements) in [
        (VideoCodec::H265, AudioCodec::Aac, "rtph265depay ! h265parse", "rtpmp4gdepay ! aacparse"),
        (VideoCodec::H264Bframes, AudioCodec::Latm, "rtph264depay ! h264parse", "rtpmp4adepay ! aacparse"),
        (VideoCodec::H265Bframes, AudioCodec::Opus, "rtph265depay ! h265parse", "rtpopusdepay ! opusparse"),
        (VideoCodec::H264, AudioCodec::Pcma, "rtph264depay ! h264parse", "rtppcmadepay ! alawdec"),
    ] {
        let camsim = camsim(CamsimConfig { transport: Transport::Udp, ..camera(codec, audio) }).await;
        let pipeline = format!(
            "rtspsrc name=camera location={} protocols=udp \
             camera. ! application/x-rtp,media=video ! {video_elements} ! fakesink num-buffers=40 \
             camera. ! application/x-rtp,media=audio ! {audio_elements} ! fakesink num-buffers=20",
            camsim.camera(1).url(Tier::Sub)
        );
        let words: Vec<&str> = pipeline.split_whitespace().collect();
        let Some(output) = run("gst-launch-1.0", &words).await else { return };
        assert!(output.status.success(), "{codec} {audio}\n{}{}", text(&output.stdout), text(&output.stderr));
        let counts = camsim.camera(1).counts();
        assert!(counts.plays == 1 && counts.frames >= 40 && counts.audio_frames >= 20, "{counts:?}");
    }
}

/// The clock in the pictures against the beep at the full second, both on the timeline that ffmpeg makes of RTCP.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_sound_are_in_step_behind_the_decoders_of_ffmpeg() {
    let folder = std::env::temp_dir().join(format!("camsim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for audio in AudioCodec::ALL {
        let camsim = camsim(camera(VideoCodec::H264, audio)).await;
        let raw = folder.join(format!("{audio}.gray"));
        let Some((log, luma)) = decoded(&camsim.camera(1).url(Tier::Sub), &raw).await else { break };
        let after = |line: &str, mark: &str| -> Option<f64> {
            line.split(mark).nth(1)?.trim_start().split(' ').next()?.parse().ok()
        };
        let shown: Vec<f64> = log.lines().filter_map(|line| after(line, "pts_time:")).collect();
        let clocks: Vec<u64> =
            luma.chunks_exact(640 * 360).map(|luma| clock::read(luma, 640, 640, 360).unwrap()).collect();
        let beeps: Vec<f64> = log.lines().filter_map(|line| after(line, "silence_end:")).collect();
        assert!(
            beeps.len() >= 2 && clocks.len() >= 40,
            "{audio}: {beeps:?}, {} pictures\n{log}",
            clocks.len()
        );
        let mut worst: f64 = 0.0;
        for beep in beeps {
            // Before ffmpeg has heard a report of both lines its times mean nothing, and the end ends silence too.
            if beep < SETTLED_S || beep > shown[shown.len() - 1] - SETTLED_S / 2.0 {
                continue;
            }
            // The full second at which this beep was heard, on the pictures' clock.
            let (at, clock) = shown
                .iter()
                .zip(&clocks)
                .skip(5)
                .min_by(|one, other| (one.0 - beep).abs().total_cmp(&(other.0 - beep).abs()))
                .unwrap();
            let wall = *clock as f64 + (beep - at) * 1_000.0;
            let off = wall - (wall / 1_000.0).round() * 1_000.0;
            assert!(
                off.abs() <= 40.0,
                "{audio}: a beep at {beep} is {off:.0} ms off, {at} is {clock}\n{log}"
            );
            worst = if off.abs() > worst.abs() { off } else { worst };
        }
        say(&format!("{audio}: sound is {worst:.0} ms off the pictures at the worst"));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Seconds from the beginning.
const SETTLED_S: f64 = 0.5;

/// What ffmpeg says about four seconds of it, and the luma of every picture.
async fn decoded(url: &str, raw: &Path) -> Option<(String, Vec<u8>)> {
    let raw = raw.to_str().unwrap();
    let input = ["-hide_banner", "-y", "-rtsp_transport", "tcp", "-i", url, "-copyts"];
    let pictures = ["-map", "0:v", "-t", "4", "-vf", "format=gray,showinfo", "-fps_mode", "passthrough"];
    let sound = ["-f", "rawvideo", raw, "-map", "0:a", "-t", "4", "-af", "silencedetect=noise=-30dB:d=0.3"];
    let output = run("ffmpeg", &[&input[..], &pictures, &sound, &["-f", "null", "-"]].concat()).await?;
    let log = text(&output.stderr);
    assert!(output.status.success(), "{log}");
    Some((log, std::fs::read(raw).unwrap()))
}
