use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use sluice_load::{Event, Packet, Peer, Transport, Wish};
use sluice_media::Codec;
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_webrtc::{
    AudioKind, AudioPacket, Engine, EngineConfig, EngineEvent, EngineMetrics, FeedId, FeedMedia, Frame,
    SessionKey,
};
use tokio::sync::mpsc;

pub(crate) const FEED: FeedId = FeedId(7);
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An engine on loopback, with a feed of frames made up here.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) engine: Engine,
    pub(crate) events: mpsc::Receiver<EngineEvent>,
    scope: TaskScope,
    metrics: Metrics,
    next: i64,
    next_sound: i64,
    pub(crate) epoch_ms: i64,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(EngineConfig::new(SocketAddr::new(LOOPBACK, 0)))
    }

    /// An engine whose viewers wait no longer than this for a feed that they are to move to.
    pub(crate) fn with_switch_patience(switch_patience: Duration) -> Self {
        Self::with(EngineConfig { switch_patience, ..EngineConfig::new(SocketAddr::new(LOOPBACK, 0)) })
    }

    fn with(config: EngineConfig) -> Self {
        let (scope, clock, metrics) = (TaskScope::new(), Clock::system(), Metrics::default());
        let counts = EngineMetrics::register(&metrics);
        let (engine, events) = Engine::bind(&scope, clock, config, counts).unwrap();
        Self { clock, engine, events, scope, metrics, next: 0, next_sound: 0, epoch_ms: clock.unix_millis() }
    }

    /// Pushes the next frame, 40 ms of media after the last; the payloads tell the frame's number.
    pub(crate) fn push(&mut self, key: bool, packets: usize) -> i64 {
        let number = self.next;
        self.next += 1;
        self.engine.push(FEED, Arc::new(frame(number, key, packets, self.epoch_ms)));
        number
    }

    /// A GOP of so many frames, three packets each.
    pub(crate) fn push_gop(&mut self, frames: usize) {
        for at in 0..frames {
            self.push(at == 0, 3);
        }
    }

    /// Pushes 20 ms of sound; the payload tells its number.
    pub(crate) fn sing(&mut self, kind: AudioKind) {
        let number = self.next_sound;
        self.next_sound += 1;
        let mut payload = vec![0x5a; 160];
        payload[1..9].copy_from_slice(&number.to_be_bytes());
        let packet = AudioPacket {
            timestamp: 77_000 + number * i64::from(kind.clock_rate) / 50,
            payload: payload.into(),
            captured_at_ms: self.epoch_ms + number * 20,
        };
        self.engine.push_audio(FEED, Arc::new(packet));
    }

    /// A peer that has sent its offer and taken the answer.
    pub(crate) async fn join(&self, session: u64, transport: Transport) -> Peer {
        self.join_for(session, transport, Wish::PICTURES).await
    }

    pub(crate) async fn join_for(&self, session: u64, transport: Transport, wish: Wish) -> Peer {
        let (mut peer, offer) = Peer::offer_for(self.clock, transport, LOOPBACK, wish).await.unwrap();
        let answer = self.engine.open(SessionKey(session), FEED, offer).await.unwrap();
        peer.accept(&answer.sdp).await.unwrap();
        peer
    }

    /// A peer whose DTLS stands.
    pub(crate) async fn connect(&mut self, session: u64, transport: Transport) -> Peer {
        self.connect_for(session, transport, Wish::PICTURES).await
    }

    pub(crate) async fn connect_for(&mut self, session: u64, transport: Transport, wish: Wish) -> Peer {
        let mut peer = self.join_for(session, transport, wish).await;
        peer.until(PATIENCE, |event| matches!(event, Event::Connected).then_some(())).await.unwrap();
        self.event(|event| (*event == EngineEvent::Connected(SessionKey(session))).then_some(())).await;
        peer
    }

    /// Waits for an event of the engine; others pass by.
    pub(crate) async fn event<T>(&mut self, mut wanted: impl FnMut(&EngineEvent) -> Option<T>) -> T {
        let waited = async {
            loop {
                let event = self.events.recv().await.expect("the engine runs");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.expect("the engine tells it in time")
    }

    /// The value of a counter such as `frames_total`.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let text = self.metrics.exposition();
        let line = text.lines().find(|line| line.starts_with(&format!("sluice_webrtc_{name} ")));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or(0)
    }

    /// Waits until a counter is at least `least`.
    pub(crate) async fn reaches(&self, name: &str, least: u64) {
        let until = self.clock.now() + PATIENCE;
        while self.count(name) < least {
            assert!(self.clock.now() < until, "{name} stays at {}", self.count(name));
            self.clock.sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn end(self) {
        assert!(self.scope.close(Duration::from_secs(5)).await, "every task ends");
        assert_eq!(self.scope.panics(), 0);
    }
}

pub(crate) const OPUS: AudioKind = AudioKind { codec: Codec::Opus, clock_rate: 48_000 };
pub(crate) const PCMA: AudioKind = AudioKind { codec: Codec::Pcma, clock_rate: 8_000 };

pub(crate) fn media(video: Option<Codec>, audio: Option<AudioKind>) -> FeedMedia {
    FeedMedia { video, audio, reordered: false }
}

pub(crate) fn frame(number: i64, key: bool, packets: usize, epoch_ms: i64) -> Frame {
    let payloads: Vec<Arc<[u8]>> = (0..packets)
        .map(|index| {
            let mut payload = vec![if key { 0x65 } else { 0x41 }; 1_100];
            payload[1..9].copy_from_slice(&number.to_be_bytes());
            payload[9] = u8::try_from(index).unwrap();
            payload.into()
        })
        .collect();
    let size = payloads.iter().map(|payload| payload.len()).sum();
    Frame {
        timestamp: 1_000_000 + number * 3_600,
        key,
        payloads,
        captured_at_ms: epoch_ms + number * 40,
        size,
    }
}

/// The number of the frame a packet is of.
pub(crate) fn number(packet: &Packet) -> i64 {
    i64::from_be_bytes(packet.payload[1..9].try_into().unwrap())
}

/// Packets of a peer until the last one of frame `last`.
pub(crate) async fn packets_until(peer: &mut Peer, last: i64) -> Vec<Packet> {
    let mut packets = Vec::new();
    peer.until(PATIENCE, |event| {
        let Event::Packet(packet) = event else { return None };
        packets.push(packet.clone());
        (packet.marker && number(packet) == last).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("frame {last} does not come ({error}); {} packets did", packets.len()));
    packets
}
