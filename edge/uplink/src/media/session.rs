use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use quinn::{Connection, SendStream, VarInt};
use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_runtime::TaskScope;
use sluice_source::Presentation;
use sluice_wire::{
    CloseCode, Decoded,
    media::{
        Announce, EdgeStats, Epoch, FlowPhase, FlowState, FromEdge, FromNode, Gap, Ping, Pong, Start,
        Subscribe,
    },
    roq::{self, FRAME_CANCELLED, FlowId},
};
use tokio::sync::{mpsc, oneshot};

use super::{News, What, pump::Pump, translate};
use crate::{
    connection::{self, Greeted},
    control::millis,
    error::StreamError,
    liveness::Liveness,
    outbox::{Input, Numbered, Outbox, Output},
    stream::{Reader, write_all},
    transport::SEND_WINDOW,
    uplink::Common,
};

/// One media link that is up: its subscriptions, and what goes over it.
pub(crate) struct Session {
    common: Common,
    number: u64,
    /// What the node understands.
    capability: u32,
    connection: Connection,
    control: mpsc::Sender<Bytes>,
    outbox: Outbox,
    subscriptions: BTreeMap<u64, Subscription>,
    sends: FuturesUnordered<BoxFuture<'static, u64>>,
    cancels: HashMap<u64, oneshot::Sender<()>>,
    out: mpsc::Sender<(u64, translate::Output)>,
    announced: HashMap<(CameraId, Tier), Option<Arc<Presentation>>>,
    liveness: Liveness,
    stalled: bool,
    largest: usize,
    stats: EdgeStats,
    ticks: Ticks,
}

struct Subscription {
    camera: CameraId,
    tier: Tier,
    class: u8,
    flows: Vec<FlowId>,
    pump: TaskScope,
}

/// When periodic things are due.
struct Ticks {
    ping: Instant,
    announce: Instant,
    pulse: Option<Instant>,
    second: Instant,
    deaf: Option<Instant>,
}

enum Event {
    Stop,
    Broken(StreamError),
    Message(Bytes),
    Out(u64, translate::Output),
    Sent(u64),
    Woke,
}

impl Session {
    async fn run(
        mut self,
        (mut send, mut reader): (SendStream, Reader),
        mut written: mpsc::Receiver<Bytes>,
        mut pumped: mpsc::Receiver<(u64, translate::Output)>,
        news: mpsc::Sender<News>,
    ) {
        let shutdown = self.common.scope.shutdown();
        let mut writer = std::pin::pin!(write_all(&mut send, &mut written));
        let error = loop {
            self.flush();
            let deadline = self.deadline();
            let event = tokio::select! { biased;
                () = shutdown.requested() => Event::Stop,
                error = &mut writer => Event::Broken(error),
                message = reader.next() => message.map_or_else(Event::Broken, Event::Message),
                Some(id) = self.sends.next(), if !self.sends.is_empty() => Event::Sent(id),
                Some((request, output)) = pumped.recv() => Event::Out(request, output),
                () = self.common.clock.sleep_until(deadline) => Event::Woke,
            };
            let done = match event {
                Event::Stop => break None,
                Event::Broken(error) => Err(error),
                Event::Message(bytes) => self.message(&bytes, &news),
                Event::Out(request, output) => {
                    self.output(request, output);
                    Ok(())
                }
                Event::Sent(id) => {
                    self.cancels.remove(&id);
                    self.feed(Input::Acknowledged { id });
                    Ok(())
                }
                Event::Woke => self.woke(&news),
            };
            if let Err(error) = done {
                break Some(error);
            }
        };
        self.end(error, &news).await;
    }

    async fn end(mut self, error: Option<StreamError>, news: &mpsc::Sender<News>) {
        let feeds = !self.subscriptions.is_empty();
        for (_, subscription) in std::mem::take(&mut self.subscriptions) {
            subscription.pump.cancel();
            self.common.metrics.forwards.dec();
        }
        match error {
            None => {
                connection::close(&self.connection, CloseCode::Replaced, "this link is not wanted any more");
            }
            Some(error) => {
                let trouble = error.words(&self.connection);
                connection::close(&self.connection, error.code(), &trouble);
                let what = What::Ended { feeds, trouble };
                let _ = news.send(News { link: self.number, what }).await;
            }
        }
    }

    fn message(&mut self, bytes: &[u8], news: &mpsc::Sender<News>) -> Result<(), StreamError> {
        self.ticks.deaf = None;
        let Decoded::Message(message) = FromNode::decode(bytes)? else { return Ok(()) };
        match message {
            FromNode::Subscribe(order) => self.subscribe(order, news),
            FromNode::Unsubscribe { request } => self.unsubscribe(request, news),
            FromNode::SetClass { request, class } => self.set_class(request, class),
            FromNode::Keyframe { request } => {
                if let Some(subscription) = self.subscriptions.get(&request) {
                    self.common.catalogue.request_key_frame(subscription.camera, subscription.tier);
                }
            }
            FromNode::Ping(ping) => {
                let now = UnixMillis(self.common.clock.unix_millis());
                self.tell(&FromEdge::Pong(Pong { ping_sent: ping.sent, received: now, sent: now }));
            }
            FromNode::Goaway(goaway) => {
                tracing::info!(code = goaway.code, text = goaway.text, "the node will close its link");
            }
            // They show that the node is there; its numbers are for people.
            FromNode::Hello(_) | FromNode::Pong(_) | FromNode::Stats(_) => {}
        }
        Ok(())
    }

    fn subscribe(&mut self, order: Subscribe, news: &mpsc::Sender<News>) {
        if self.subscriptions.contains_key(&order.request) || self.subscriptions.len() >= SUBSCRIPTIONS {
            return;
        }
        // One copy of a stream crosses the link: the newest subscription has it.
        let same = |other: &Subscription| (other.camera, other.tier) == (order.camera, order.tier);
        let older = self.subscriptions.iter().find(|(_, other)| same(other)).map(|(request, _)| *request);
        if let Some(request) = older {
            self.unsubscribe(request, news);
            let text = "the same stream was subscribed to again".to_owned();
            self.tell(&FromEdge::FlowState(FlowState { request, state: FlowPhase::Ended, code: None, text }));
        }
        let pump = Pump {
            request: order.request,
            camera: order.camera,
            tier: order.tier,
            start: match order.start {
                Start::Cached => sluice_source::Start::Cached,
                Start::NextKey => sluice_source::Start::NextKey,
            },
            flows: order.flows.clone(),
            capability: self.capability,
            catalogue: Arc::clone(&self.common.catalogue),
            clock: self.common.clock,
            out: self.out.clone(),
        };
        let scope = self.common.scope.child();
        scope.spawn("pump", pump.run(scope.shutdown()));
        let subscription = Subscription {
            camera: order.camera,
            tier: order.tier,
            class: order.class,
            flows: order.flows,
            pump: scope,
        };
        tracing::debug!(camera.id = %order.camera, tier = %order.tier, request = order.request, "subscribed");
        self.subscriptions.insert(order.request, subscription);
        self.common.metrics.forwards.inc();
        if self.ticks.pulse.is_none() {
            let now = self.common.clock.now();
            self.ticks.pulse = Some(now + PULSE);
            self.ticks.second = now + SECOND;
        }
        self.count(news);
    }

    fn unsubscribe(&mut self, request: u64, news: &mpsc::Sender<News>) {
        let Some(subscription) = self.subscriptions.remove(&request) else { return };
        subscription.pump.cancel();
        for flow in subscription.flows {
            self.feed(Input::Forget { flow });
        }
        self.common.metrics.forwards.dec();
        if self.subscriptions.is_empty() {
            self.ticks.pulse = None;
        }
        tracing::debug!(camera.id = %subscription.camera, tier = %subscription.tier, request, "unsubscribed");
        self.count(news);
    }

    fn count(&self, news: &mpsc::Sender<News>) {
        let what = What::Subscriptions(self.subscriptions.len());
        // For the status page alone: what does not fit is told with the next change.
        let _ = news.try_send(News { link: self.number, what });
    }

    fn set_class(&mut self, request: u64, class: u8) {
        let Some(subscription) = self.subscriptions.get_mut(&request) else { return };
        subscription.class = class;
        for flow in subscription.flows.clone() {
            self.feed(Input::SetClass { flow, class });
        }
    }

    fn output(&mut self, request: u64, output: translate::Output) {
        // What a pump had said before it was stopped is not wanted any more.
        let Some(subscription) = self.subscriptions.get(&request) else { return };
        match output {
            translate::Output::Started(started) => self.tell(&FromEdge::Started(started)),
            translate::Output::State(state) => self.tell(&FromEdge::FlowState(state)),
            translate::Output::Gap(gap) => self.tell(&FromEdge::Gap(gap)),
            translate::Output::Clock(clock) => self.tell(&FromEdge::Clock(clock)),
            translate::Output::Unit { flow, unit } => {
                let class = subscription.class;
                self.feed(Input::Queue { flow, class, unit });
            }
            translate::Output::Rtcp { flow, packet } => self.send_rtcp(flow, &packet),
        }
    }

    fn feed(&mut self, input: Input) {
        self.outbox.handle(self.common.clock.now(), input);
    }

    /// Obeys the outbox until it wants nothing more.
    fn flush(&mut self) {
        let path = self.connection.stats().path;
        self.feed(Input::Path { window: path.cwnd, rtt: path.rtt });
        while let Some(order) = self.outbox.poll() {
            match order {
                Output::Send { id, flow, unit, priority } => {
                    if !self.send(id, flow, unit, priority) {
                        break;
                    }
                }
                Output::Cancel { id } => drop(self.cancels.remove(&id).map(|cancel| cancel.send(()))),
                Output::Gap { flow, from, to } => self.tell(&FromEdge::Gap(Gap { flow, from, to })),
                Output::WantKey { flow } => self.want_key(flow),
            }
        }
        let cut = self.outbox.cut();
        self.common.metrics.cut.inc_by(cut - self.stats.cut);
        self.stats.cut = cut;
    }

    /// Hands one unit to QUIC; `false` if it takes none at the moment.
    fn send(&mut self, id: u64, flow: FlowId, unit: Numbered, priority: i32) -> bool {
        // Streams are opened here and not in the unit's own future, so that their order is that of the units.
        let Some(Ok(stream)) = self.connection.open_uni().now_or_never() else {
            self.outbox.put_back(self.common.clock.now(), id, flow, unit);
            return false;
        };
        if let Some(epoch) = unit.epoch {
            let (ssrc, first_sequence) = (unit.unit.ssrc(), unit.first_sequence);
            let first_stream = stream.id().index();
            self.tell(&FromEdge::Epoch(Epoch { flow, epoch, ssrc, first_sequence, first_stream }));
        }
        if unit.unit.size > self.largest {
            self.largest = unit.unit.size;
            self.widen();
        }
        let bytes = roq::encode(flow, unit.unit.packets.iter().map(|packet| packet.bytes()));
        self.stats.units += 1;
        self.stats.bytes += bytes.len() as u64;
        self.common.metrics.units.inc();
        self.common.metrics.media_bytes.inc_by(bytes.len() as u64);
        let (cancel, cancelled) = oneshot::channel();
        self.cancels.insert(id, cancel);
        let _ = stream.set_priority(priority);
        self.sends.push(deliver(id, stream, bytes, cancelled).boxed());
        true
    }

    /// RTCP keeps the flow's number and goes before pictures; what is lost of it is repeated by the camera.
    fn send_rtcp(&mut self, flow: FlowId, packet: &Bytes) {
        let Some(Ok(stream)) = self.connection.open_uni().now_or_never() else { return };
        let _ = stream.set_priority(i32::MAX - 1);
        let (cancel, cancelled) = oneshot::channel();
        let bytes = roq::encode(flow, std::iter::once(packet));
        // Zero is the id of no unit.
        self.sends.push(
            async move {
                let _keep = cancel;
                deliver(0, stream, bytes, cancelled).await
            }
            .boxed(),
        );
    }

    fn want_key(&self, flow: FlowId) {
        if let Some(subscription) = self.subscriptions.values().find(|other| other.flows.contains(&flow)) {
            self.common.catalogue.request_key_frame(subscription.camera, subscription.tier);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let ticks = [Some(self.ticks.ping), Some(self.ticks.announce), self.ticks.pulse, self.ticks.deaf];
        ticks.into_iter().chain([self.outbox.deadline()]).flatten().min()
    }

    fn woke(&mut self, news: &mpsc::Sender<News>) -> Result<(), StreamError> {
        let now = self.common.clock.now();
        self.feed(Input::Woke);
        if self.ticks.deaf.is_some_and(|deaf| deaf <= now) {
            return Err(StreamError::Silent);
        }
        if self.ticks.announce <= now {
            self.ticks.announce = now + ANNOUNCE;
            self.announce();
        }
        if self.ticks.ping <= now {
            let active = !self.subscriptions.is_empty();
            self.ticks.ping = now + if active { PING_ACTIVE } else { PING };
            self.ticks.deaf.get_or_insert(now + if active { DEAF_ACTIVE } else { DEAF });
            self.tell(&FromEdge::Ping(Ping { sent: UnixMillis(self.common.clock.unix_millis()) }));
        }
        if self.ticks.pulse.is_some_and(|pulse| pulse <= now) {
            self.ticks.pulse = Some(now + PULSE);
            self.pulse(now, news);
        }
        Ok(())
    }

    /// While something flows: whether anything is heard, and once a second numbers for the node.
    fn pulse(&mut self, now: Instant, news: &mpsc::Sender<News>) {
        let stats = self.connection.stats();
        let patience = SILENCE.max(stats.path.rtt * 3);
        let stalled = self.liveness.stalled(now, stats.udp_tx.datagrams, stats.udp_rx.datagrams, patience);
        if stalled != self.stalled {
            self.stalled = stalled;
            let what = if stalled { What::Stalled } else { What::Recovered };
            // Sixty-four changes that nobody took mean that the process is ending.
            let _ = news.try_send(News { link: self.number, what });
        }
        if self.ticks.second > now {
            return;
        }
        self.ticks.second = now + SECOND;
        self.ticks.ping = self.ticks.ping.min(now + PING_ACTIVE);
        self.widen();
        self.stats.queued_bytes = self.outbox.queued_bytes() as u64;
        self.stats.rtt_ms = millis(stats.path.rtt);
        self.stats.lost_packets = stats.path.lost_packets;
        self.stats.window_bytes = stats.path.cwnd;
        self.tell(&FromEdge::Stats(self.stats));
    }

    /// What QUIC may hold unacknowledged: twice the path and the largest key frame.
    fn widen(&self) {
        let cwnd = self.connection.stats().path.cwnd;
        self.connection.set_send_window((2 * cwnd + 2 * self.largest as u64).max(SEND_WINDOW));
    }

    /// Tells the node what can be had, as far as it changed.
    fn announce(&mut self) {
        let mut offered: HashMap<(CameraId, Tier), Option<Arc<Presentation>>> = HashMap::new();
        for (camera, tier) in self.common.catalogue.offered() {
            let source = self.common.catalogue.source(camera, tier);
            let presentation = source.and_then(|source| source.status().borrow().presentation.clone());
            offered.insert((camera, tier), presentation);
        }
        for (&(camera, tier), presentation) in &offered {
            if self.announced.get(&(camera, tier)) != Some(presentation) {
                let sdp =
                    presentation.as_ref().map(|presentation| presentation.sdp.clone()).unwrap_or_default();
                self.tell(&FromEdge::Announce(Announce { camera, tier, sdp, variant: String::new() }));
            }
        }
        for &(camera, tier) in self.announced.keys().filter(|key| !offered.contains_key(key)) {
            self.tell(&FromEdge::Withdraw { camera, tier });
        }
        self.announced = offered;
    }

    fn tell(&self, message: &FromEdge) {
        if self.control.try_send(message.encode()).is_err() {
            connection::close(&self.connection, CloseCode::TooSlow, "the node does not read its messages");
        }
    }
}

/// A session before its first step.
pub(crate) struct Starting {
    common: Common,
    link: Greeted,
    number: u64,
}

impl Starting {
    pub(crate) fn new(common: Common, link: Greeted, number: u64) -> Self {
        Self { common, link, number }
    }

    /// Until the link is down or another takes its place.
    pub(crate) async fn run(self, news: mpsc::Sender<News>) {
        let now = self.common.clock.now();
        let (control, written) = mpsc::channel(CONTROL);
        let (out, pumped) = mpsc::channel(PUMPED);
        let session = Session {
            common: self.common,
            number: self.number,
            capability: self.link.hello.capability,
            connection: self.link.connection,
            control,
            outbox: Outbox::new(now),
            subscriptions: BTreeMap::new(),
            sends: FuturesUnordered::new(),
            cancels: HashMap::new(),
            out,
            announced: HashMap::new(),
            liveness: Liveness::default(),
            stalled: false,
            largest: 0,
            stats: EdgeStats::default(),
            ticks: Ticks { ping: now + PING, announce: now, pulse: None, second: now, deaf: None },
        };
        session.run((self.link.send, self.link.reader), written, pumped, news).await;
    }
}

/// Writes one unit and waits until the node has all of it, or it is taken back.
async fn deliver(id: u64, mut stream: SendStream, bytes: Bytes, cancelled: oneshot::Receiver<()>) -> u64 {
    let delivered = async {
        stream.write_chunk(bytes).await?;
        // Cannot fail: the stream was neither finished nor reset.
        let _ = stream.finish();
        Ok::<_, quinn::WriteError>(())
    };
    let mut cancelled = cancelled;
    let written = tokio::select! { biased;
        _ = &mut cancelled => false,
        written = delivered => written.is_ok(),
    };
    if written {
        tokio::select! { biased;
            // The sender of this channel is kept until the unit is over: it speaks only to cancel.
            _ = &mut cancelled => {}
            _ = stream.stopped() => return id,
        }
    }
    let _ = stream.reset(VarInt::from_u32(FRAME_CANCELLED));
    id
}

/// Of one node; far above what a site has.
const SUBSCRIPTIONS: usize = 1_024;
/// Messages that wait to be written; more mean that the node reads nothing.
const CONTROL: usize = 1_024;
/// What pumps have ready for this link; they wait when it is full.
const PUMPED: usize = 64;
const PING: Duration = Duration::from_secs(20);
const PING_ACTIVE: Duration = Duration::from_secs(3);
const DEAF: Duration = Duration::from_secs(12);
const DEAF_ACTIVE: Duration = Duration::from_secs(10);
const ANNOUNCE: Duration = Duration::from_secs(2);
const PULSE: Duration = Duration::from_millis(250);
const SECOND: Duration = Duration::from_secs(1);
/// How long a link on which something flows may be silent.
const SILENCE: Duration = Duration::from_secs(1);
