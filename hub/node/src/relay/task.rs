use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_ids::{SessionId, UnixMillis};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_webrtc::{EndReason as EngineEnd, Engine, EngineEvent, FeedId};
use sluice_wire::{
    control::DesiredCamera,
    node::{Assignment, EndReason, FromNode, StayReason, Steered, ToNode},
};
use tokio::sync::{mpsc, watch};

use super::{
    COMMANDS, Command, Keys, NodeStatus, Relay,
    feeds::Feed,
    metrics::RelayMetrics,
    pump::{News, Report},
    sessions::Sessions,
    steer::{SteerPort, Steerings},
};
use crate::{
    demand,
    feed::FeedKey,
    hls::{HlsMetrics, Seats},
    tunnel::{Assignments, Tunnels, earlier},
};

/// What the relay is joined to.
pub struct Ports {
    /// Orders of control.
    pub orders: mpsc::Receiver<ToNode>,
    /// What control is told.
    pub reports: mpsc::Sender<FromNode>,
    /// The links to edges.
    pub tunnels: Tunnels,
    /// Which device may announce which camera; the tunnels read it.
    pub assignments: watch::Sender<Arc<Assignments>>,
    /// Which cameras this node pulls itself; [`NodePull`](crate::pull::NodePull) reads it.
    pub pulls: watch::Sender<Arc<Vec<DesiredCamera>>>,
    /// Who may open sessions; the front reads it.
    pub keys: watch::Sender<Arc<Keys>>,
    /// The engine that serves viewers.
    pub engine: Engine,
    /// What the engine tells.
    pub engine_events: mpsc::Receiver<EngineEvent>,
    /// Who moves cameras for viewers.
    pub steering: SteerPort,
}

/// Starts the owner of all feeds and sessions of this node.
#[must_use]
pub fn spawn(scope: &TaskScope, clock: Clock, ports: Ports, metrics: &Metrics) -> Relay {
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let (report_in, reports) = mpsc::channel(REPORTS);
    let seats = Arc::<Seats>::default();
    let task = Task {
        clock,
        scope: scope.clone(),
        inbox,
        ports,
        report_in,
        reports,
        metrics: RelayMetrics::register(metrics),
        served: HashMap::new(),
        feeds: BTreeMap::new(),
        by_id: HashMap::new(),
        sessions: Sessions::default(),
        steerings: Steerings::default(),
        seats: Arc::clone(&seats),
        revoked: HashMap::new(),
        outbox: VecDeque::new(),
        changed: BTreeSet::new(),
        last_feed: 0,
    };
    scope.spawn("relay", task.run());
    Relay { commands, seats, hls: HlsMetrics::register(metrics) }
}

/// The owner of all feeds and sessions: what it does with feeds stands in `feeds.rs`, with viewers in
/// `viewers.rs`, with those who move in `tiers.rs`, with those who move their camera in `steer.rs`.
pub(super) struct Task {
    pub(super) clock: Clock,
    pub(super) scope: TaskScope,
    inbox: mpsc::Receiver<Command>,
    pub(super) ports: Ports,
    pub(super) report_in: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
    pub(super) metrics: RelayMetrics,
    pub(super) served: HashMap<sluice_ids::CameraId, Assignment>,
    pub(super) feeds: BTreeMap<FeedKey, Feed>,
    pub(super) by_id: HashMap<FeedId, FeedKey>,
    pub(super) sessions: Sessions,
    pub(super) steerings: Steerings,
    /// The sessions that HLS serves, as requests find them.
    pub(super) seats: Arc<Seats>,
    /// Sessions that control ended before they came, so that their token opens nothing any more.
    pub(super) revoked: HashMap<SessionId, Instant>,
    /// What became of sessions and control has not taken yet: at most three entries a session, and one for each order
    /// to move it.
    pub(super) outbox: VecDeque<FromNode>,
    /// Feeds whose state control has not taken yet; it hears the newest, not each.
    pub(super) changed: BTreeSet<FeedKey>,
    pub(super) last_feed: u64,
}

enum Event {
    Stop,
    Command(Command),
    Order(ToNode),
    Engine(EngineEvent),
    Report(Report),
    Steered(Steered),
    Woke,
}

impl Task {
    async fn run(mut self) {
        let shutdown = self.scope.shutdown();
        loop {
            let feeds = self.feeds.values().filter_map(|feed| feed.demand.deadline()).min();
            let deadline = earlier(earlier(feeds, self.sessions.deadline()), self.steerings.deadline());
            let event = tokio::select! { biased;
                () = shutdown.requested() => Event::Stop,
                Ok(permit) = self.ports.reports.clone().reserve_owned(), if self.has_news() => {
                    if let Some(news) = self.next_news() {
                        permit.send(news);
                    }
                    continue;
                }
                Some(event) = self.ports.engine_events.recv() => Event::Engine(event),
                Some(report) = self.reports.recv() => Event::Report(report),
                Some(steered) = self.ports.steering.steered.recv() => Event::Steered(steered),
                Some(order) = self.ports.orders.recv() => Event::Order(order),
                Some(command) = self.inbox.recv() => Event::Command(command),
                () = self.clock.sleep_until(deadline) => Event::Woke,
            };
            match event {
                Event::Stop => break,
                Event::Command(command) => self.command(command),
                Event::Order(order) => self.order(order),
                Event::Engine(event) => self.engine(event),
                Event::Report(report) => self.report(report),
                Event::Steered(steered) => self.steered(steered),
                Event::Woke => self.woke(),
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Admit(admission, reply) => self.answer_admission(&admission, reply),
            Command::Seat(admission, reply) => drop(reply.send(self.seat(&admission))),
            Command::Plays(key) => drop(self.arrived(key)),
            Command::Withdraw(key) => self.end(key, EndReason::Refused),
            Command::Find(secret, reply) => drop(reply.send(self.sessions.by_secret(secret))),
            Command::Close(secret, reply) => drop(reply.send(self.close(secret))),
            Command::Status(reply) => drop(reply.send(self.status())),
        }
    }

    fn status(&self) -> NodeStatus {
        NodeStatus {
            feeds_open: self.feeds.values().filter(|feed| feed.pump.is_some()).count(),
            sessions: self.sessions.len(),
            hls_sessions: self.feeds.values().map(|feed| feed.readers).sum(),
            feeds_packaged: self.feeds.values().filter(|feed| feed.readers > 0).count(),
        }
    }

    pub(super) fn serves(&self, feed: FeedKey) -> bool {
        self.served.get(&feed.camera).is_some_and(|assigned| assigned.tiers.contains(&feed.tier))
    }

    fn order(&mut self, order: ToNode) {
        match order {
            ToNode::Lease { camera, tier, until } => self.lease(FeedKey { camera, tier }, until),
            ToNode::Revoke { session } => self.revoke(session),
            ToNode::Switch { session, tier } => self.switch(session, tier),
            ToNode::Pause { session, paused } => self.pause(session, paused),
            ToNode::Assign(assignments) => self.assign(assignments),
            ToNode::Pull(cameras) => drop(self.ports.pulls.send_replace(Arc::new(cameras))),
            ToNode::Keys(keys) => drop(self.ports.keys.send_replace(Arc::new(keys))),
        }
    }

    fn lease(&mut self, feed: FeedKey, until: UnixMillis) {
        if self.serves(feed) {
            let left = until.since(UnixMillis(self.clock.unix_millis())).min(LONGEST_LEASE);
            self.input(feed, demand::Input::Leased { until: self.clock.now() + left });
        }
    }

    fn revoke(&mut self, session: SessionId) {
        let now = self.clock.now();
        self.revoked.retain(|_, until| *until > now);
        self.revoked.insert(session, now + REVOKED_FOR);
        if let Some(key) = self.sessions.by_id(session) {
            self.end(key, EndReason::Revoked);
        }
    }

    fn assign(&mut self, assignments: Vec<Assignment>) {
        self.ports.assignments.send_replace(Arc::new(Assignments::from_list(&assignments)));
        self.served = assignments.into_iter().map(|assigned| (assigned.camera, assigned)).collect();
        let gone: Vec<FeedKey> = self.feeds.keys().filter(|feed| !self.serves(**feed)).copied().collect();
        for feed in gone {
            for key in self.sessions.of_feed(feed) {
                self.end(key, EndReason::Unassigned);
            }
            for key in self.sessions.moving_to(feed) {
                self.call_off(key, StayReason::NotServed);
            }
        }
    }

    fn engine(&mut self, event: EngineEvent) {
        match event {
            // It ended here while its offer was on the way to the engine, which heard of the end first.
            EngineEvent::Connected(key) if !self.arrived(key) => self.ports.engine.close(key),
            EngineEvent::Connected(_) => {}
            EngineEvent::Ended(key, reason) => self.end(key, ended(reason)),
            EngineEvent::KeyFrameWanted(id) => self.want_key_frame(id),
            EngineEvent::Switched(key, id) => self.switched(key, id),
            EngineEvent::Stayed(key, id, why) => self.stayed(key, id, why),
            EngineEvent::Asked(key, text) => self.asked(key, &text),
            // What a player says on the other channel the engine understands, or nobody does.
            EngineEvent::Message(..) => {}
        }
    }

    fn report(&mut self, report: Report) {
        let Some(feed) = self.feeds.get_mut(&report.feed).filter(|feed| feed.id == report.id) else { return };
        let input = match report.news {
            News::Opened => {
                feed.trouble = None;
                // Each viewer is told the age of what it sees; a time from here would be old at once.
                feed.captured_at = None;
                demand::Input::SourceOpened
            }
            News::Failed { code, text, last_captured_ms } => {
                feed.captured_at = last_captured_ms.map(UnixMillis);
                tracing::info!(camera.id = %report.feed.camera, tier = %report.feed.tier, code, "feed has trouble");
                feed.trouble = Some((code, text));
                demand::Input::SourceFailed
            }
        };
        self.input(report.feed, input);
    }

    fn woke(&mut self) {
        let now = self.clock.now();
        let due = |feed: &Feed| feed.demand.deadline().is_some_and(|deadline| deadline <= now);
        let due: Vec<FeedKey> =
            self.feeds.iter().filter(|(_, feed)| due(feed)).map(|(key, _)| *key).collect();
        for feed in due {
            self.input(feed, demand::Input::Woke);
        }
        for key in self.sessions.overdue(now) {
            self.end(key, EndReason::Silence);
        }
        self.give_up_steering(now);
    }

    fn has_news(&self) -> bool {
        !self.outbox.is_empty() || !self.changed.is_empty()
    }

    /// What became of sessions first, then how feeds stand, and after the last of them the load.
    fn next_news(&mut self) -> Option<FromNode> {
        if let Some(news) = self.outbox.pop_front() {
            return Some(news);
        }
        let changed = self.changed.pop_first()?;
        if self.changed.is_empty() {
            self.outbox.push_back(self.load());
        }
        Some(self.feed_news(changed))
    }

    fn load(&self) -> FromNode {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        FromNode::Load { viewers: count(self.sessions.len()), feeds: count(self.feeds.len()) }
    }
}

fn ended(reason: EngineEnd) -> EndReason {
    match reason {
        EngineEnd::Closed => EndReason::Closed,
        EngineEnd::Silence => EndReason::Silence,
        EngineEnd::DtlsFailed => EndReason::Failed,
        EngineEnd::CodecUnsupported => EndReason::Refused,
        _ => EndReason::Stopped,
    }
}

/// Longer leases are a fault of whoever gives them: a lease bridges the way from `play` to the offer.
const LONGEST_LEASE: Duration = Duration::from_secs(60);
/// A revoked session's token has expired long before this.
const REVOKED_FOR: Duration = Duration::from_secs(180);
/// Reports of pumps that wait for the relay; a pump waits when it is full.
const REPORTS: usize = 256;
