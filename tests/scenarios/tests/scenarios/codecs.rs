//! Every codec that cameras send, from a camera of GStreamer and from virtual ones, by every protocol: it plays, or
//! the reason is told. `docs/reference/codecs.md` is what came of it.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_testkit::eventually_within;

use super::support::{Stage, say};

mod peers;
mod watch;

use peers::{Peer, Sender};

/// What the page says before its table.
const HEAD: &str = "\
# Codecs

What a camera sends, and what becomes of it by each protocol, for a viewer that decodes everything. Made by the test
`every_codec_plays_or_is_refused_with_its_reason` (`tests/scenarios`): each row is a camera that really sent, added to a
real hub; *pictures* and *sound* mean that packets came by WebRTC, and that `ffprobe` counted whole pictures and sound in
the parts and segments that came by LL-HLS and HLS. Whether a particular browser decodes it is asked of that browser
(`viewer.codecs` of `POST /play`); Chromium without a hardware decoder has no H.265.

| camera | sends | WebRTC | LL-HLS | HLS |
|---|---|---|---|---|
";

const PROTOCOLS: [&str; 3] = ["webrtc", "ll-hls", "hls"];
/// An encoder that starts on a busy machine takes its time.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_codec_plays_or_is_refused_with_its_reason() -> Result<()> {
    for tool in ["/usr/bin/gst-launch-1.0", "/usr/bin/ffprobe"] {
        if !Path::new(tool).exists() {
            say(&format!("SKIPPED: {tool} is not installed (.ci/debian-packages)"));
            return Ok(());
        }
    }
    let stage = Stage::set(0).await?;
    let mut rows = Vec::new();
    // Some at a time: each camera of GStreamer encodes.
    for peers in peers::all().chunks(6) {
        let sending = futures_util::future::try_join_all(peers.iter().map(|peer| peer.start(&stage))).await?;
        rows.extend(
            futures_util::future::try_join_all(sending.iter().map(|sender| row(&stage, sender))).await?,
        );
    }
    stage.strike().await;
    compare(&rows)
}

/// One camera by each protocol.
async fn row(stage: &Stage, sender: &Sender) -> Result<String> {
    let camera = add(stage, sender).await.with_context(|| sender.peer.sends())?;
    let mut cells = Vec::new();
    for protocol in PROTOCOLS {
        let cell = cell(stage, &camera, protocol, sender.peer).await;
        cells.push(cell.with_context(|| format!("{} by {protocol}", sender.peer.sends()))?);
    }
    stage.demo.client.expect(Method::DELETE, &format!("/cameras/{camera}"), None).await?;
    Ok(format!("| {} | {} | {} |", sender.peer.maker(), sender.peer.sends(), cells.join(" | ")))
}

async fn add(stage: &Stage, sender: &Sender) -> Result<String> {
    let file = &stage.demo.file;
    let camera = json!({
        "name": sender.peer.sends(), "site_id": file.site_id, "via": file.device_id,
        "source": { "type": "rtsp", "tiers": [{ "tier": "main", "url": sender.url }] },
    });
    let added = stage.demo.client.expect(Method::POST, "/cameras", Some(&camera)).await?;
    let id = added["id"].as_str().context("the id of the added camera")?.to_owned();
    eventually_within(SOON, || async {
        let camera = stage.demo.client.expect(Method::GET, &format!("/cameras/{id}"), None).await?;
        let (code, reason) = (&camera["state"]["code"], &camera["state"]["reason"]["code"]);
        let tier = &camera["tiers"][0];
        let known = code == "ready" && !tier["codec"].is_null() && tier["b_frames"] == sender.peer.b_frames();
        if known || reason == "unsupported-codec" {
            return Ok(());
        }
        bail!("{} is {}", sender.peer.sends(), camera["state"])
    })
    .await?;
    Ok(id)
}

async fn cell(stage: &Stage, camera: &str, protocol: &str, peer: Peer) -> Result<String> {
    let wish = json!({
        "cameras": [{ "id": camera, "protocol": protocol, "tier": "main" }],
        "viewer": { "codecs": ["h264", "h265", "opus", "pcmu", "pcma", "aac"], "audio": true },
    });
    let answer = stage.demo.client.expect(Method::POST, "/play", Some(&wish)).await?;
    let item = &answer["items"][0];
    if let Some(refusal) = item["problem"]["type"].as_str() {
        return Ok(format!("refused: `{refusal}`"));
    }
    let text = |name: &str| item[name].as_str().with_context(|| format!("no {name} in {item}"));
    let (url, token, session) = (text("url")?, text("token")?, text("session_id")?);
    let seen = match protocol {
        "webrtc" => watch::webrtc(stage, url, token, peer.has_sound() && told(item).is_none()).await?,
        _ => watch::hls(url).await?,
    };
    stage.demo.client.expect(Method::DELETE, &format!("/sessions/{session}"), None).await?;
    let silent = if peer.has_sound() && !seen.sound { told(item) } else { None };
    if peer.has_sound() && !seen.sound && silent.is_none() {
        bail!("the sound is missing and nothing says why: {item}");
    }
    let sound = if seen.sound { " and sound".to_owned() } else { String::new() };
    Ok(format!("pictures{sound}{}", silent.map_or(String::new(), |code| format!("; no sound: `{code}`"))))
}

/// Why the answer says that there is no sound.
fn told(item: &Value) -> Option<String> {
    let codes = item["why"].as_array()?.iter().filter_map(|why| why["code"].as_str());
    codes.into_iter().find(|code| code.starts_with("audio-")).map(str::to_owned)
}

fn compare(rows: &[String]) -> Result<()> {
    let mut page = HEAD.to_owned();
    for row in rows {
        writeln!(page, "{row}")?;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/codecs.md");
    if std::env::var_os("SLUICE_BLESS").is_some() {
        return Ok(fs::write(file, page)?);
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == page,
        "docs/reference/codecs.md is not what came; SLUICE_BLESS=1 writes it:\n{page}"
    );
    Ok(())
}
