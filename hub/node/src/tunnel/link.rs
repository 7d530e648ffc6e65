use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sluice_hub_link::{MediaEvent, MediaLink};
use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_media::RtpPacket;
use sluice_runtime::{Clock, Shutdown};
use sluice_wire::{
    CloseCode,
    media::{FlowPhase, FlowState, FromEdge, FromNode, NodeStats, Ping, Start, Started, Subscribe},
    roq::{FlowId, Unit},
};
use tokio::sync::{mpsc, watch};

use super::{
    Assignments,
    clock::{FlowClock, Offset},
    earlier,
    feed_stream::{FeedNumber, Raw},
    metrics::TunnelMetrics,
    release::{Counts, Epoch, Input, Output, Release},
};

/// What the owner tells a link's task.
#[derive(Debug)]
pub(crate) enum Order {
    Subscribe { id: FeedNumber, camera: CameraId, tier: Tier, events: mpsc::Sender<Raw> },
    Unsubscribe { id: FeedNumber },
    KeyFrame { id: FeedNumber },
}

/// One media link: its subscriptions and their flows.
pub(crate) struct Link {
    link: MediaLink,
    clock: Clock,
    assignments: watch::Receiver<Arc<Assignments>>,
    metrics: TunnelMetrics,
    subscriptions: BTreeMap<u64, Subscription>,
    requests: HashMap<FeedNumber, u64>,
    flows: HashMap<FlowId, Flow>,
    /// Units that overtook their `started`.
    early: Vec<(u64, Unit)>,
    offset: Offset,
    last_request: u64,
    last_flow: u64,
    stats: NodeStats,
    ticks: Ticks,
}

struct Subscription {
    id: FeedNumber,
    camera: CameraId,
    tier: Tier,
    events: mpsc::Sender<Raw>,
    flows: Vec<FlowId>,
    /// Something was received and no trouble was told since.
    flowing: bool,
}

struct Flow {
    request: u64,
    line: usize,
    clock: FlowClock,
    release: Release,
    counted: Counts,
    /// A unit did not fit into the feed's queue; nothing goes in before this has been told.
    missing: bool,
}

/// When periodic things are due.
struct Ticks {
    ping: Instant,
    pings: u32,
    second: Option<Instant>,
    received: u64,
    heard: Instant,
    silent: bool,
}

enum Event {
    Stop,
    Order(Order),
    Link(MediaEvent),
    Woke,
}

impl Link {
    pub(crate) fn new(
        link: MediaLink,
        clock: Clock,
        assignments: watch::Receiver<Arc<Assignments>>,
        metrics: TunnelMetrics,
    ) -> Self {
        let now = clock.now();
        Self {
            link,
            clock,
            assignments,
            metrics,
            subscriptions: BTreeMap::new(),
            requests: HashMap::new(),
            flows: HashMap::new(),
            early: Vec::new(),
            offset: Offset::default(),
            last_request: 0,
            last_flow: 0,
            stats: NodeStats::default(),
            ticks: Ticks { ping: now, pings: 0, second: None, received: 0, heard: now, silent: false },
        }
    }

    /// Until the link is down, or its owner has a newer one.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>, shutdown: Shutdown) {
        // The ping goes before the first subscription: its answer then comes before the first picture, whose capture
        // time would otherwise be taken for one of our own clock.
        self.woke();
        loop {
            let deadline = self.deadline();
            let event = tokio::select! { biased;
                () = shutdown.requested() => Event::Stop,
                order = orders.recv() => order.map_or(Event::Stop, Event::Order),
                event = self.link.next() => match event {
                    Ok(event) => Event::Link(event),
                    Err(_) => break,
                },
                () = self.clock.sleep_until(deadline) => Event::Woke,
            };
            match event {
                Event::Stop => {
                    let replaced = !shutdown.is_requested();
                    let code = if replaced { CloseCode::Replaced } else { CloseCode::Stopping };
                    self.link.close(code, "this link is not wanted any more");
                    break;
                }
                Event::Order(order) => self.obey(order),
                Event::Link(MediaEvent::Message(message)) => self.message(message),
                Event::Link(MediaEvent::Unit { index, unit }) => self.unit(index, unit),
                Event::Woke => self.woke(),
            }
        }
        self.metrics.subscriptions.dec_by(i64::try_from(self.subscriptions.len()).unwrap_or(0));
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Subscribe { id, camera, tier, events } => self.subscribe(id, camera, tier, events),
            Order::Unsubscribe { id } => self.unsubscribe(id),
            Order::KeyFrame { id } => {
                if let Some(request) = self.requests.get(&id) {
                    self.send(&FromNode::Keyframe { request: *request });
                }
            }
        }
    }

    fn subscribe(&mut self, id: FeedNumber, camera: CameraId, tier: Tier, events: mpsc::Sender<Raw>) {
        self.last_request += 1;
        let request = self.last_request;
        let flows: Vec<FlowId> = (1..=LINES).map(|line| FlowId(self.last_flow + line)).collect();
        self.last_flow += LINES;
        let order =
            Subscribe { request, camera, tier, class: CLASS, start: Start::Cached, flows: flows.clone() };
        self.requests.insert(id, request);
        self.subscriptions.insert(request, Subscription { id, camera, tier, events, flows, flowing: false });
        self.metrics.subscribes.inc();
        self.metrics.subscriptions.inc();
        tracing::debug!(camera.id = %camera, tier = %tier, request, "subscribed");
        self.send(&FromNode::Subscribe(order));
    }

    fn unsubscribe(&mut self, id: FeedNumber) {
        let Some(request) = self.requests.get(&id).copied() else { return };
        self.send(&FromNode::Unsubscribe { request });
        self.forget(request);
    }

    fn forget(&mut self, request: u64) {
        let Some(subscription) = self.subscriptions.remove(&request) else { return };
        self.requests.remove(&subscription.id);
        for flow in &subscription.flows {
            self.flows.remove(flow);
        }
        self.metrics.subscriptions.dec();
        let (camera, tier) = (subscription.camera, subscription.tier);
        tracing::debug!(camera.id = %camera, tier = %tier, request, "unsubscribed");
    }

    fn message(&mut self, message: FromEdge) {
        self.hear();
        match message {
            FromEdge::Started(started) => self.started(started),
            FromEdge::FlowState(state) => self.flow_state(state),
            FromEdge::Gap(gap) => self.input(gap.flow, Input::Gap { from: gap.from, to: gap.to }),
            FromEdge::Epoch(epoch) => {
                let (ssrc, first_sequence, first_stream) =
                    (epoch.ssrc, epoch.first_sequence, epoch.first_stream);
                self.input(epoch.flow, Input::Epoch(Epoch { ssrc, first_sequence, first_stream }));
            }
            FromEdge::Clock(clock) => {
                if let Some(flow) = self.flows.get_mut(&clock.flow) {
                    flow.clock.set(clock.timestamp, clock.captured);
                }
            }
            FromEdge::Pong(pong) => {
                let arrived = UnixMillis(self.clock.unix_millis());
                self.offset.handle(self.clock.now(), arrived, pong);
            }
            FromEdge::Announce(announce) => self.announced(announce.camera),
            FromEdge::Withdraw { camera, .. } => self.announced(camera),
            FromEdge::Goaway(goaway) => {
                tracing::info!(device.id = %self.link.device(), code = goaway.code, "the edge will close its link");
            }
            // Pings are answered below; a second hello and numbers for people change nothing.
            FromEdge::Hello(_) | FromEdge::Ping(_) | FromEdge::Stats(_) => {}
        }
    }

    /// Subscriptions go by assignment, so an announcement is only checked.
    fn announced(&self, camera: CameraId) {
        let device = self.link.device();
        if !self.assignments.borrow().may_announce(device, camera) {
            self.metrics.strangers.inc();
            tracing::debug!(device.id = %device, camera.id = %camera, "announced without being assigned");
        }
    }

    fn started(&mut self, started: Started) {
        let Some(subscription) = self.subscriptions.get_mut(&started.request) else { return };
        subscription.flowing = true;
        // An edge of before names no lines, and sends none but those of the message.
        let lines = match started.lines {
            lines if lines.is_empty() => started.flows.iter().map(|flow| flow.line.clone()).collect(),
            lines => lines,
        };
        let lead = lines.first().map(|line| line.index);
        let begins = started.flows.iter().any(|flow| Some(flow.line.index) == lead);
        for flow in started.flows {
            if !subscription.flows.contains(&flow.flow) {
                continue;
            }
            if let Some(known) = self.flows.get_mut(&flow.flow) {
                // A new session with the camera: its numbering is told by an epoch.
                known.clock = FlowClock::new(flow.line.clock_rate, flow.timestamp, flow.captured);
                continue;
            }
            let patience = patience(self.link.quality().rtt);
            let new = Flow {
                request: started.request,
                line: flow.line.index as usize,
                clock: FlowClock::new(flow.line.clock_rate, flow.timestamp, flow.captured),
                release: Release::new(flow.ssrc, flow.first_sequence, patience),
                counted: Counts::default(),
                missing: false,
            };
            self.flows.insert(flow.flow, new);
        }
        // Other lines than the first begin where they were announced with it.
        if begins {
            // The queue is long enough for all but a feed whose owner stands still; it hears of the loss later.
            let _ = subscription.events.try_send(Raw::Started { lines });
        }
        for (index, unit) in std::mem::take(&mut self.early) {
            self.unit(index, unit);
        }
        self.watch();
    }

    fn flow_state(&mut self, state: FlowState) {
        let Some(subscription) = self.subscriptions.get_mut(&state.request) else { return };
        subscription.flowing = state.state == FlowPhase::Flowing;
        if state.state != FlowPhase::Flowing {
            let _ = subscription.events.try_send(Raw::State { code: state.code, text: state.text });
        }
        if state.state == FlowPhase::Ended {
            self.forget(state.request);
        }
    }

    fn unit(&mut self, index: u64, unit: Unit) {
        self.hear();
        self.stats.units += 1;
        self.stats.bytes += unit.packets.iter().map(|packet| packet.len() as u64).sum::<u64>();
        if unit.packets.first().is_some_and(is_rtcp) {
            return;
        }
        if !self.flows.contains_key(&unit.flow) {
            self.keep_early(index, unit);
            return;
        }
        let packets: Result<Vec<RtpPacket>, _> = unit.packets.into_iter().map(RtpPacket::parse).collect();
        match packets {
            Ok(packets) => self.input(unit.flow, Input::Unit { index, packets }),
            Err(_) => {
                self.metrics.refused.inc();
            }
        }
    }

    /// A unit may overtake the message that its flow has started; one of a flow that was given up is dropped.
    fn keep_early(&mut self, index: u64, unit: Unit) {
        let wanted = self.subscriptions.values().any(|subscription| subscription.flows.contains(&unit.flow));
        let size = |unit: &Unit| unit.packets.iter().map(Bytes::len).sum::<usize>();
        let kept: usize = self.early.iter().map(|(_, early)| size(early)).sum();
        if wanted && self.early.len() < EARLY && kept + size(&unit) <= EARLY_BYTES {
            self.early.push((index, unit));
        }
    }

    fn input(&mut self, id: FlowId, input: Input) {
        let now = self.clock.now();
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.release.handle(now, input);
            self.drain(id);
        }
    }

    fn drain(&mut self, id: FlowId) {
        let to_node = self.offset.to_node().unwrap_or(0);
        let Some(flow) = self.flows.get_mut(&id) else { return };
        let Some(subscription) = self.subscriptions.get_mut(&flow.request) else { return };
        while let Some(output) = flow.release.poll() {
            let raw = match output {
                Output::Unit { first_sequence, packets } => {
                    subscription.flowing = true;
                    self.metrics.units.inc();
                    let timestamp = packets.last().map_or(0, RtpPacket::timestamp);
                    let captured_at_ms = flow.clock.captured_ms(timestamp).saturating_add(to_node);
                    Raw::Unit { line: flow.line, first_sequence, captured_at_ms, packets }
                }
                Output::Missing => {
                    flow.missing = true;
                    continue;
                }
            };
            if flow.missing && subscription.events.try_send(Raw::Missing { line: flow.line }).is_ok() {
                flow.missing = false;
            }
            if flow.missing || subscription.events.try_send(raw).is_err() {
                self.metrics.dropped.inc();
                flow.missing = true;
            }
        }
        if flow.missing && subscription.events.try_send(Raw::Missing { line: flow.line }).is_ok() {
            flow.missing = false;
        }
        let counts = flow.release.counts();
        self.metrics.holes.inc_by(counts.holes - flow.counted.holes);
        self.metrics.late.inc_by(counts.late - flow.counted.late);
        self.metrics.refused.inc_by(counts.refused - flow.counted.refused);
        self.stats.holes += counts.holes - flow.counted.holes;
        flow.counted = counts;
    }

    fn deadline(&self) -> Option<Instant> {
        let holes = self.flows.values().filter_map(|flow| flow.release.deadline()).min();
        earlier(holes, earlier(Some(self.ticks.ping), self.ticks.second))
    }

    fn woke(&mut self) {
        let now = self.clock.now();
        let due = |flow: &Flow| flow.release.deadline().is_some_and(|deadline| deadline <= now);
        let due: Vec<FlowId> = self.flows.iter().filter(|(_, flow)| due(flow)).map(|(id, _)| *id).collect();
        for id in due {
            self.input(id, Input::Woke);
        }
        if self.ticks.ping <= now {
            self.ticks.pings += 1;
            // The first exchanges follow each other fast: one of them has a short round trip.
            self.ticks.ping = now + if self.ticks.pings < 4 { FIRST_PINGS } else { PING };
            self.send(&FromNode::Ping(Ping { sent: UnixMillis(self.clock.unix_millis()) }));
        }
        if self.ticks.second.is_some_and(|second| second <= now) {
            self.second(now);
        }
    }

    /// While something flows: numbers for the edge, and whether it still speaks.
    fn second(&mut self, now: Instant) {
        if !self.subscriptions.values().any(|subscription| subscription.flowing) {
            self.ticks.second = None;
            return;
        }
        self.ticks.second = Some(now + TICK);
        let quality = self.link.quality();
        for flow in self.flows.values_mut() {
            flow.release.set_patience(patience(quality.rtt));
        }
        if quality.received != self.ticks.received {
            self.ticks.received = quality.received;
            self.hear();
        } else if !self.ticks.silent && now.saturating_duration_since(self.ticks.heard) >= SILENCE {
            self.ticks.silent = true;
            self.metrics.lost.inc();
            tracing::info!(device.id = %self.link.device(), "a media link fell silent");
            for subscription in self.subscriptions.values().filter(|subscription| subscription.flowing) {
                let _ = subscription.events.try_send(Raw::Lost);
            }
        }
        self.send(&FromNode::Stats(self.stats));
    }

    fn hear(&mut self) {
        self.ticks.heard = self.clock.now();
        self.ticks.silent = false;
    }

    fn watch(&mut self) {
        if self.ticks.second.is_none() {
            self.ticks.heard = self.clock.now();
            self.ticks.second = Some(self.ticks.heard + TICK);
        }
    }

    fn send(&self, message: &FromNode) {
        // A link that is down says so where it is read.
        let _ = self.link.send(message);
    }
}

/// RTCP shares the flow with its RTP (RFC 5761 §4).
fn is_rtcp(packet: &Bytes) -> bool {
    packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// A retransmission takes one round trip, a retransmission of it two; below half a second nobody notices.
fn patience(rtt: Duration) -> Duration {
    (rtt * 3).max(Duration::from_millis(500))
}

/// Flow numbers given to a subscription: video, audio, metadata and one more.
const LINES: u64 = 4;
/// Interactive viewers, until sessions say otherwise.
const CLASS: u8 = 4;
/// Units that may overtake their `started`: a whole cached GOP of four seconds.
const EARLY: usize = 256;
/// The largest of them, twice over.
const EARLY_BYTES: usize = 16 * 1024 * 1024;
const FIRST_PINGS: Duration = Duration::from_millis(700);
const PING: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);
/// The edge sends numbers each second while something flows.
const SILENCE: Duration = Duration::from_millis(2_500);
