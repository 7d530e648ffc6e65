use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use sluice_load::{Event, Peer, Report, Seen, Transport, Usage, Used};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_webrtc::{Engine, EngineConfig, EngineEvent, EngineMetrics, FeedId, Frame, SessionKey};
use tokio::sync::mpsc;

use crate::whep;

/// Arguments of `sluice-load engine`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many viewers
    #[arg(long, default_value_t = 200)]
    viewers: usize,
    /// Seconds all of them watch
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Measures the WebRTC engine alone: one feed of 1 Mbit/s in memory, an engine on a thread of its own, viewers on
/// the others.
pub(crate) async fn run(args: Args) -> Result<()> {
    let (clock, scope) = (Clock::system(), TaskScope::new());
    let before = Usage::of(std::process::id())?;
    let (engine, events) = start(&scope)?;
    scope.spawn("events", drain(events));
    scope.spawn("feed", feed(clock, engine.clone()));
    let (done, mut results) = mpsc::channel(args.viewers.max(1));
    let stay = Duration::from_secs(args.seconds) + SETTLE * 2;
    for number in 0..args.viewers {
        let (engine, done) = (engine.clone(), done.clone());
        let rest = EVERY * u32::try_from(args.viewers - number)?;
        scope.spawn("viewer", async move {
            let seen = view(clock, &engine, SessionKey(number as u64), stay + rest).await;
            let _ = done.send(seen).await;
        });
        clock.sleep(EVERY).await;
    }
    drop(done);
    clock.sleep(SETTLE).await;
    let (started, from) = (clock.now(), Usage::of_thread(THREAD)?);
    clock.sleep(Duration::from_secs(args.seconds)).await;
    let (window, to) = (clock.now() - started, Usage::of_thread(THREAD)?);
    let resident = Usage::of(std::process::id())?.resident;
    let mut seen = Vec::new();
    while let Some(one) = results.recv().await {
        seen.push(one);
    }
    let mut report: Report = Report::of(&seen);
    let used = Used { cpu: to.saturating_sub(from), window, before: before.resident, resident };
    report.process = Some(used.report(&seen, args.viewers));
    whep::print(&report, args.json)?;
    scope.close(SETTLE).await;
    Ok(())
}

/// An engine on a runtime of its own, so that its time can be told from the viewers'.
fn start(scope: &TaskScope) -> Result<(Engine, mpsc::Receiver<EngineEvent>)> {
    let (ready, started) = std::sync::mpsc::sync_channel(1);
    let scope = scope.clone();
    std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let config = EngineConfig { tcp: None, ..EngineConfig::new(SocketAddr::new(LOOPBACK, 0)) };
            let metrics = EngineMetrics::register(&Metrics::default());
            let bound = Engine::bind(&scope, Clock::system(), config, metrics);
            let _ = ready.send(bound);
            scope.shutdown().requested().await;
        });
    })?;
    Ok(started.recv().context("the engine's thread ended")??)
}

async fn drain(mut events: mpsc::Receiver<EngineEvent>) {
    while events.recv().await.is_some() {}
}

async fn feed(clock: Clock, engine: Engine) {
    let (start, mut number) = (clock.now(), 0_u32);
    loop {
        clock.sleep_until(Some(start + FRAME * number)).await;
        engine.push(FEED, Arc::new(frame(number, clock.unix_millis())));
        number += 1;
    }
}

/// 25 frames a second and a key frame every 2 s make 1 Mbit/s.
fn frame(number: u32, captured_at_ms: i64) -> Frame {
    let key = number.is_multiple_of(50);
    let header = if key { 0x65 } else { 0x41 };
    let payloads = vec![Arc::from(vec![header; PAYLOAD]); if key { 25 } else { 4 }];
    let size = payloads.len() * PAYLOAD;
    Frame { timestamp: i64::from(number) * 3_600, key, payloads, captured_at_ms, size }
}

async fn view(clock: Clock, engine: &Engine, key: SessionKey, stay: Duration) -> Seen {
    let mut seen = Seen::default();
    if let Err(error) = receive(clock, engine, key, stay, &mut seen).await {
        seen.failure = Some(format!("{error:#}"));
    }
    engine.close(key);
    seen
}

async fn receive(
    clock: Clock,
    engine: &Engine,
    key: SessionKey,
    stay: Duration,
    seen: &mut Seen,
) -> Result<()> {
    let start = clock.now();
    let (mut peer, offer) = Peer::offer(clock, Transport::Udp, LOOPBACK).await?;
    let answer = engine.open(key, FEED, offer).await?;
    peer.accept(&answer.sdp).await?;
    let until = clock.now() + stay;
    while let Some(event) = peer.next(until).await? {
        match event {
            Event::Connected => seen.connected = Some(clock.now() - start),
            Event::Packet(packet) => {
                let whole = seen.tally.packet(&packet, clock.unix_millis());
                if let Some(frame) = whole.filter(|frame| frame.key && seen.pictured.is_none()) {
                    seen.pictured = Some(frame.at - start);
                    seen.pictured_at = Some(frame.at);
                }
            }
            Event::Text(text) => seen.tally.text(&text),
            Event::Closed => anyhow::bail!("the engine closed the session"),
            Event::ChannelOpen
            | Event::ControlOpen
            | Event::Control(_)
            | Event::Sound(_)
            | Event::Report(_) => {}
        }
    }
    Ok(())
}

const THREAD: &str = "engine";
const FEED: FeedId = FeedId(1);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FRAME: Duration = Duration::from_millis(40);
const PAYLOAD: usize = 1_130;
const EVERY: Duration = Duration::from_millis(20);
const SETTLE: Duration = Duration::from_secs(2);
