use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Url;
use sluice_load::{Connection, Event, Http, Hub, Master, Peer, Playlist, Transport, Wish};
use sluice_runtime::{Clock, TaskScope};
use tokio::process::Command;

use super::super::support::Stage;

/// What came.
pub(super) struct Watched {
    pub(super) sound: bool,
}

const PATIENCE: Duration = Duration::from_secs(30);
/// One picture may come by chance.
const PICTURES: u64 = 10;
/// Packets of sound that are enough.
const SOUNDS: u64 = 10;
/// A stream without sound has told so by now.
const SILENCE: Duration = Duration::from_secs(2);

/// Pictures by WebRTC, as a player without a data channel gets them: with the sound that can be carried.
pub(super) async fn webrtc(stage: &Stage, url: &str, token: &str, expect_sound: bool) -> Result<Watched> {
    let clock = Clock::system();
    let hub = Hub::new(&stage.demo.file.hub_url, &stage.demo.file.api_token)?;
    let wish = Wish { channel: false, ..Wish::ALL };
    let (mut peer, offer) =
        Peer::offer_for(clock, Transport::Udp, IpAddr::V4(Ipv4Addr::LOCALHOST), wish).await?;
    let (answer, resource) = hub.whep_at(url, token, offer).await?;
    peer.accept(&answer).await?;
    let (mut pictures, mut sounds, mut enough) = (0, 0, None);
    let until = clock.now() + PATIENCE;
    while let Some(event) = peer.next(enough.unwrap_or(until)).await? {
        match event {
            Event::Packet(packet) => pictures += u64::from(packet.marker),
            Event::Sound(_) => sounds += 1,
            Event::Closed => bail!("the node closed the session"),
            _ => {}
        }
        if pictures >= PICTURES && sounds >= SOUNDS {
            break;
        }
        if pictures >= PICTURES && !expect_sound && enough.is_none() {
            enough = Some(clock.now() + SILENCE);
        }
    }
    hub.end(&resource).await?;
    ensure!(pictures >= PICTURES, "{pictures} pictures came");
    Ok(Watched { sound: sounds >= SOUNDS })
}

/// Pictures and sound by LL-HLS or HLS, as `ffprobe` sees what was fetched.
pub(super) async fn hls(url: &str) -> Result<Watched> {
    let (scope, url) = (TaskScope::new(), Url::parse(url)?);
    let mut connection = Connection::open(&scope, Http::H1, &url).await?;
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let master = connection.fetch(&path).await?;
    let master = Master::parse(std::str::from_utf8(&master)?)?;
    let video = rendition(&mut connection, &path, &master.video).await?;
    let pictures = probe(&video, "v").await?;
    ensure!(pictures >= PICTURES, "ffprobe counts {pictures} pictures");
    let Some(audio) = &master.audio else { return Ok(Watched { sound: false }) };
    let audio = rendition(&mut connection, &path, audio).await?;
    let sounds = probe(&audio, "a").await?;
    ensure!(sounds >= SOUNDS, "ffprobe counts {sounds} frames of sound");
    Ok(Watched { sound: true })
}

/// Initialisation and whatever is there after it, until it is two seconds long.
async fn rendition(connection: &mut Connection, base: &str, uri: &str) -> Result<Vec<u8>> {
    let media = sluice_load::join(base, uri)?;
    let (clock, mut bytes, mut length) = (Clock::system(), Vec::new(), 0.0);
    let (until, mut from) = (clock.now() + PATIENCE, (0, 0));
    loop {
        let playlist = connection.fetch(&media).await?;
        let playlist = Playlist::parse(std::str::from_utf8(&playlist)?)?;
        if bytes.is_empty() {
            let map =
                playlist.segments.iter().find_map(|segment| segment.map.clone()).context("no EXT-X-MAP")?;
            bytes.extend_from_slice(&connection.fetch(&sluice_load::join(&media, &map)?).await?);
        }
        let pieces: Vec<_> = if playlist.part_target.is_some() {
            let parts = playlist.parts().map(|(name, part, _)| (name, part.uri.clone(), part.duration));
            parts.filter(|(name, ..)| *name >= from).collect()
        } else {
            let numbered =
                playlist.segments.iter().zip(playlist.media_sequence..).filter(|(one, _)| !one.gap);
            let whole = numbered.filter_map(|(one, at)| Some(((at, 0), one.uri.clone()?, one.duration)));
            whole.filter(|(name, ..)| *name >= from).collect()
        };
        for (name, uri, duration) in pieces {
            from = (name.0, name.1 + 1);
            bytes.extend_from_slice(&connection.fetch(&sluice_load::join(&media, &uri)?).await?);
            length += duration;
        }
        if length >= 2.0 {
            return Ok(bytes);
        }
        ensure!(clock.now() < until, "{length} s of {uri} came within {} s", PATIENCE.as_secs());
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// How many whole frames `ffprobe` decodes; it complains of nothing.
async fn probe(bytes: &[u8], stream: &str) -> Result<u64> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), bytes)?;
    let mut probe = Command::new("/usr/bin/ffprobe");
    probe.args(["-v", "error", "-count_frames", "-select_streams", stream]);
    probe.args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]).arg(file.path());
    let output = probe.output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && complaint.is_empty(), "ffprobe: {complaint}");
    let count = String::from_utf8_lossy(&output.stdout);
    count.trim().trim_end_matches(',').parse().with_context(|| format!("ffprobe counts {count:?}"))
}
