use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use reqwest::Url;
use sluice_runtime::{Clock, TaskScope};

use super::{
    connection::{Connection, Http},
    playlist::{Master, Part, Playlist, join},
};
use crate::{Hub, viewer::Ramp};

/// What one viewer of low-latency HLS saw.
#[derive(Debug, Default)]
pub struct HlsSeen {
    /// From the call of `play` to the first whole part that begins with a key frame.
    pub pictured: Option<Duration>,
    /// Parts, in order.
    pub parts: Vec<PartSeen>,
    /// Requests that were answered.
    pub requests: u64,
    /// Bytes of all bodies.
    pub bytes: u64,
    /// Parts that came later than a player that keeps `PART-HOLD-BACK` can wait.
    pub stalls: u64,
    /// What went wrong.
    pub failure: Option<String>,
}

/// One part that came whole.
#[derive(Debug, Clone, Copy)]
pub struct PartSeen {
    /// When it was here.
    pub at: Instant,
    /// From the capture of its end to its arrival, in milliseconds.
    pub delay_ms: f64,
}

/// Follows one camera from `play` until `ramp.watch` after the first picture, then says goodbye.
pub async fn follow(clock: Clock, hub: &Hub, http: Http, ramp: &Ramp) -> HlsSeen {
    let mut seen = HlsSeen::default();
    let scope = TaskScope::new();
    let mut viewer = Viewer { clock, start: clock.now(), seen: &mut seen };
    if let Err(error) = viewer.run(&scope, hub, http, ramp).await {
        seen.failure = Some(format!("{error:#}"));
    }
    scope.cancel();
    seen
}

struct Viewer<'a> {
    clock: Clock,
    start: Instant,
    seen: &'a mut HlsSeen,
}

impl Viewer<'_> {
    async fn run(&mut self, scope: &TaskScope, hub: &Hub, http: Http, ramp: &Ramp) -> Result<()> {
        let grant = hub.play_by(&ramp.camera, &ramp.tier, "ll-hls").await?;
        let url = Url::parse(&grant.url)?;
        let mut connection = Connection::open(scope, http, &url).await?;
        let path =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let master = Master::parse(text(&self.fetch(&mut connection, &path).await?)?)?;
        let media = join(&path, &master.video)?;
        let watched = self.watch(&mut connection, &media, ramp).await;
        hub.close(&grant.session).await?;
        watched
    }

    async fn watch(&mut self, connection: &mut Connection, media: &str, ramp: &Ramp) -> Result<()> {
        let playlist = Playlist::parse(text(&self.fetch(connection, media).await?)?)?;
        let map =
            playlist.segments.iter().rev().find_map(|segment| segment.map.clone()).context("no EXT-X-MAP")?;
        self.fetch(connection, &join(media, &map)?).await?;
        let mut from = start(&playlist).context("no part that begins with a key frame")?;
        let mut until = self.start + ramp.patience;
        let mut playlist = playlist;
        loop {
            let fresh: Vec<((u64, usize), Part, Option<f64>)> = playlist
                .parts()
                .filter(|(name, ..)| *name >= from)
                .map(|(name, part, end)| (name, part.clone(), end))
                .collect();
            for (name, part, end) in fresh {
                from = (name.0, name.1 + 1);
                self.fetch(connection, &join(media, &part.uri)?).await?;
                let now = self.clock.now();
                if self.seen.pictured.is_none() {
                    self.seen.pictured = Some(now - self.start);
                    until = now + ramp.watch;
                }
                if let Some(end) = end {
                    self.part(end, playlist.part_hold_back, now);
                }
            }
            if self.clock.now() >= until {
                return Ok(());
            }
            let (segment, part) = playlist.next();
            let path = format!("{media}?_HLS_msn={segment}&_HLS_part={part}");
            let next = Playlist::parse(text(&self.fetch(connection, &path).await?)?)?;
            ensure!(
                next.next() > (segment, part),
                "the playlist came before part {segment}.{part} was there"
            );
            playlist = next;
        }
    }

    fn part(&mut self, end_ms: f64, hold_back: Option<f64>, at: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
        let delay_ms = self.clock.unix_millis() as f64 - end_ms;
        let settled = at - self.start >= START_OVER;
        if settled && hold_back.is_some_and(|limit| delay_ms > limit * 1_000.0) {
            self.seen.stalls += 1;
        }
        self.seen.parts.push(PartSeen { at, delay_ms });
    }

    async fn fetch(&mut self, connection: &mut Connection, path: &str) -> Result<Bytes> {
        let body = connection.fetch(path).await?;
        self.seen.requests += 1;
        self.seen.bytes += body.len() as u64;
        Ok(body)
    }
}

impl HlsSeen {
    /// Delays of parts from 2 s after the first picture on, in milliseconds.
    pub fn steady(&self) -> impl Iterator<Item = f64> {
        let from = self.parts.first().map(|part| part.at + START_OVER);
        let settled = move |part: &&PartSeen| from.is_some_and(|from| part.at >= from);
        self.parts.iter().filter(settled).map(|part| part.delay_ms)
    }
}

/// Where playing begins: the newest part with a key frame.
fn start(playlist: &Playlist) -> Option<(u64, usize)> {
    playlist.parts().filter(|(_, part, _)| part.independent).map(|(name, ..)| name).last()
}

fn text(body: &Bytes) -> Result<&str> {
    std::str::from_utf8(body).context("a playlist that is no UTF-8")
}

/// What a start has to catch up with is over after this.
const START_OVER: Duration = Duration::from_secs(2);
