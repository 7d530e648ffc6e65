use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use sluice_runtime::Clock;

use crate::{
    hub::{Grant, Hub},
    peer::{Event, Peer},
    tally::{Frame, Tally},
    transport::Transport,
};

/// What viewers are to do.
#[derive(Debug, Clone)]
pub struct Ramp {
    /// The camera's id.
    pub camera: String,
    /// `auto`, `main` or `sub`.
    pub tier: String,
    /// How packets travel.
    pub transport: Transport,
    /// How long each one watches after its first picture.
    pub watch: Duration,
    /// How long each one waits for its first picture.
    pub patience: Duration,
}

/// What one viewer saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// From the call of `play` to its answer.
    pub play: Option<Duration>,
    /// From the call of `play` to DTLS.
    pub connected: Option<Duration>,
    /// From the call of `play` to the first whole key frame.
    pub pictured: Option<Duration>,
    /// From the call of `play` to the first frame as young as the later ones.
    pub live: Option<Duration>,
    /// When the first whole key frame stood.
    pub pictured_at: Option<Instant>,
    /// Everything received.
    pub tally: Tally,
    /// What went wrong.
    pub failure: Option<String>,
}

impl Seen {
    /// Packets a second from the first whole frame to the last.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn packet_rate(&self) -> Option<f64> {
        let frames = self.tally.frames();
        let time = frames.last()?.at.saturating_duration_since(frames.first()?.at).as_secs_f64();
        (time > 0.0).then(|| self.tally.packets() as f64 / time)
    }

    /// The whole frames from 2 s after the first key frame on.
    pub fn steady(&self) -> impl Iterator<Item = &Frame> {
        let from = self.pictured_at.map(|at| at + START_OVER);
        self.tally.frames().iter().filter(move |frame| from.is_some_and(|from| frame.at >= from))
    }
}

/// Watches once, from `play` to DELETE.
pub async fn watch(clock: Clock, hub: &Hub, ramp: &Ramp) -> Seen {
    let mut seen = Seen::default();
    if let Err(error) = attempt(clock, hub, ramp, &mut seen).await {
        seen.failure = Some(format!("{error:#}"));
    }
    seen.live = live(&seen);
    seen
}

async fn attempt(clock: Clock, hub: &Hub, ramp: &Ramp, seen: &mut Seen) -> Result<()> {
    let start = clock.now();
    let grant = hub.play(&ramp.camera, &ramp.tier).await?;
    seen.play = Some(clock.now() - start);
    let (mut peer, offer) = Peer::offer(clock, ramp.transport, local_ip(&grant)).await?;
    let (answer, resource) = hub.whep(&grant, offer).await?;
    peer.accept(&answer).await?;
    let watched = receive(clock, start, ramp, &mut peer, seen).await;
    // DELETE frees the session at once, whatever happened before.
    let ended = hub.end(&resource).await;
    watched?;
    ended.map(drop)
}

async fn receive(clock: Clock, start: Instant, ramp: &Ramp, peer: &mut Peer, seen: &mut Seen) -> Result<()> {
    let mut until = start + ramp.patience;
    while let Some(event) = peer.next(until).await? {
        match event {
            Event::Connected => seen.connected = Some(clock.now() - start),
            Event::Packet(packet) => {
                let frame = seen.tally.packet(&packet, clock.unix_millis());
                if let Some(frame) = frame.filter(|frame| frame.key && seen.pictured.is_none()) {
                    seen.pictured = Some(frame.at - start);
                    seen.pictured_at = Some(frame.at);
                    until = frame.at + ramp.watch;
                }
            }
            Event::Text(text) => seen.tally.text(&text),
            Event::Closed => anyhow::bail!("the node closed the session"),
            Event::ChannelOpen
            | Event::ControlOpen
            | Event::Control(_)
            | Event::Sound(_)
            | Event::Report(_) => {}
        }
    }
    seen.connected.context("DTLS did not stand in time")?;
    seen.pictured.context("no picture came in time").map(drop)
}

/// The first frame that is as young as those of the second half are at their median (+100 ms).
fn live(seen: &Seen) -> Option<Duration> {
    let (pictured, pictured_at) = (seen.pictured?, seen.pictured_at?);
    let frames = seen.tally.frames();
    let last = frames.last()?;
    // How much later than by its own clock each one came, against the last one.
    let lag = |frame: &Frame| {
        let media = f64::from(last.timestamp.wrapping_sub(frame.timestamp)) / 90.0;
        media - last.at.saturating_duration_since(frame.at).as_secs_f64() * 1_000.0
    };
    let mut steady: Vec<f64> = frames[frames.len() / 2..].iter().map(lag).collect();
    steady.sort_by(f64::total_cmp);
    let usual = *steady.get(steady.len() / 2)?;
    let first = frames.iter().find(|frame| lag(frame) <= usual + LIVE_WITHIN_MS)?;
    Some(pictured + first.at.saturating_duration_since(pictured_at))
}

/// Loopback where the hub is on loopback, else the address of the route to it.
fn local_ip(grant: &Grant) -> IpAddr {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let far = reqwest::Url::parse(&grant.url)
        .ok()
        .and_then(|url| url.socket_addrs(|| None).ok())
        .and_then(|found| found.into_iter().find(SocketAddr::is_ipv4));
    let Some(far) = far.filter(|far| !far.ip().is_loopback()) else { return loopback };
    let socket = std::net::UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0)));
    socket
        .and_then(|socket| socket.connect(far).and_then(|()| socket.local_addr()))
        .map_or(loopback, |local| local.ip())
}

const LIVE_WITHIN_MS: f64 = 100.0;
/// Latency 2 s after a join is that of the steady state (design §4).
const START_OVER: Duration = Duration::from_secs(2);
