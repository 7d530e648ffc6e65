use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_ids::{SessionId, Tier, UnixMillis};
use sluice_runtime::{Clock, TaskScope, random_bytes};
use sluice_telemetry::Metrics;
use sluice_webrtc::{EndReason as EngineEnd, Engine, EngineEvent, FeedId, SessionKey};
use sluice_wire::node::{Assignment, EndReason, FeedState, FromNode, ToNode};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{
    Admission, AdmitError, Admitted, COMMANDS, Command, Keys, NodeStatus, Relay,
    metrics::RelayMetrics,
    pump::{News, Pump, Report},
    sessions::Sessions,
};
use crate::{
    demand::{self, Demand, State},
    feed::FeedKey,
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
    /// Who may open sessions; the front reads it.
    pub keys: watch::Sender<Arc<Keys>>,
    /// The engine that serves viewers.
    pub engine: Engine,
    /// What the engine tells.
    pub engine_events: mpsc::Receiver<EngineEvent>,
}

/// Starts the owner of all feeds and sessions of this node.
#[must_use]
pub fn spawn(scope: &TaskScope, clock: Clock, ports: Ports, metrics: &Metrics) -> Relay {
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let (report_in, reports) = mpsc::channel(REPORTS);
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
        revoked: HashMap::new(),
        outbox: VecDeque::new(),
        changed: BTreeSet::new(),
        last_feed: 0,
    };
    scope.spawn("relay", task.run());
    Relay { commands }
}

struct Feed {
    id: FeedId,
    demand: Demand,
    trouble: Option<(String, String)>,
    captured_at: Option<UnixMillis>,
    pump: Option<TaskScope>,
    key_frame_wanted: Arc<Notify>,
    key_frame_asked: Option<Instant>,
}

struct Task {
    clock: Clock,
    scope: TaskScope,
    inbox: mpsc::Receiver<Command>,
    ports: Ports,
    report_in: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
    metrics: RelayMetrics,
    served: HashMap<sluice_ids::CameraId, Assignment>,
    feeds: BTreeMap<FeedKey, Feed>,
    by_id: HashMap<FeedId, FeedKey>,
    sessions: Sessions,
    /// Sessions that control ended before they came, so that their token opens nothing any more.
    revoked: HashMap<SessionId, Instant>,
    /// What became of sessions and control has not taken yet: at most three entries a session.
    outbox: VecDeque<FromNode>,
    /// Feeds whose state control has not taken yet; it hears the newest, not each.
    changed: BTreeSet<FeedKey>,
    last_feed: u64,
}

enum Event {
    Stop,
    Command(Command),
    Order(ToNode),
    Engine(EngineEvent),
    Report(Report),
    Woke,
}

impl Task {
    async fn run(mut self) {
        let shutdown = self.scope.shutdown();
        loop {
            let feeds = self.feeds.values().filter_map(|feed| feed.demand.deadline()).min();
            let deadline = earlier(feeds, self.sessions.deadline());
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
                Event::Woke => self.woke(),
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Admit(admission, reply) => self.answer_admission(&admission, reply),
            Command::Withdraw(key) => self.end(key, EndReason::Refused),
            Command::Find(secret, reply) => drop(reply.send(self.sessions.by_secret(&secret))),
            Command::Close(secret, reply) => {
                let key = self.sessions.by_secret(&secret);
                if let Some(key) = key {
                    self.end(key, EndReason::Closed);
                }
                let _ = reply.send(key.is_some());
            }
            Command::Status(reply) => {
                let feeds_open = self.feeds.values().filter(|feed| feed.pump.is_some()).count();
                let _ = reply.send(NodeStatus { feeds_open, sessions: self.sessions.len() });
            }
        }
    }

    fn answer_admission(
        &mut self,
        admission: &Admission,
        reply: oneshot::Sender<Result<Admitted, AdmitError>>,
    ) {
        let answer = self.admit(admission);
        let key = answer.as_ref().ok().map(|admitted| admitted.key);
        // The viewer may have hung up while its request waited.
        if reply.send(answer).is_err()
            && let Some(key) = key
        {
            self.end(key, EndReason::Closed);
        }
    }

    fn admit(&mut self, admission: &Admission) -> Result<Admitted, AdmitError> {
        let now = self.clock.now();
        if !self.serves(admission.feed) {
            return Err(AdmitError::NotServed);
        }
        if self.revoked.contains_key(&admission.session) {
            return Err(AdmitError::Ended);
        }
        if !self.sessions.spend(&admission.token_id, now) {
            return Err(AdmitError::Replayed);
        }
        let secret = hex::encode(random_bytes::<16>());
        let (key, replaced) = self.sessions.add(now, (admission.session, admission.feed), secret.clone());
        self.input(admission.feed, demand::Input::ViewerJoined);
        if let Some(replaced) = replaced {
            self.ports.engine.close(replaced.key);
            self.input(replaced.feed, demand::Input::ViewerLeft);
            self.metrics.sessions_ended.inc();
        }
        self.metrics.sessions_opened.inc();
        self.outbox.push_back(FromNode::SessionStarted { session: admission.session });
        let feed = self.feed(admission.feed).id;
        Ok(Admitted { key, feed, secret })
    }

    fn serves(&self, feed: FeedKey) -> bool {
        self.served.get(&feed.camera).is_some_and(|assigned| assigned.tiers.contains(&feed.tier))
    }

    fn order(&mut self, order: ToNode) {
        match order {
            ToNode::Lease { camera, tier, until } => self.lease(FeedKey { camera, tier }, until),
            ToNode::Revoke { session } => self.revoke(session),
            ToNode::Assign(assignments) => self.assign(assignments),
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
        }
    }

    fn engine(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::Connected(key) => match self.sessions.arrived(key) {
                Some(session) => self.outbox.push_back(FromNode::SessionConnected { session: session.id }),
                // It ended here while its offer was on the way to the engine, which heard of the end first.
                None => self.ports.engine.close(key),
            },
            EngineEvent::Ended(key, reason) => self.end(key, ended(reason)),
            EngineEvent::KeyFrameWanted(id) => self.want_key_frame(id),
            // Nothing that a browser may say over its data channel is understood yet.
            EngineEvent::Message(..) => {}
        }
    }

    fn want_key_frame(&mut self, id: FeedId) {
        let now = self.clock.now();
        let Some(feed) = self.by_id.get(&id).and_then(|key| self.feeds.get_mut(key)) else { return };
        if feed.key_frame_asked.is_none_or(|asked| now.duration_since(asked) >= KEY_FRAME_INTERVAL) {
            feed.key_frame_asked = Some(now);
            feed.key_frame_wanted.notify_one();
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
    }

    fn end(&mut self, key: SessionKey, reason: EndReason) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.ports.engine.close(key);
        self.metrics.sessions_ended.inc();
        self.outbox.push_back(FromNode::SessionEnded { session: session.id, reason });
        self.input(session.feed, demand::Input::ViewerLeft);
    }

    fn feed(&mut self, key: FeedKey) -> &mut Feed {
        let linger = self.served.get(&key.camera).map_or(DEFAULT_LINGER, |assigned| assigned.linger);
        self.feeds.entry(key).or_insert_with(|| {
            self.last_feed += 1;
            let id = FeedId(self.last_feed);
            self.by_id.insert(id, key);
            Feed {
                id,
                demand: Demand::new(linger),
                trouble: None,
                captured_at: None,
                pump: None,
                key_frame_wanted: Arc::default(),
                key_frame_asked: None,
            }
        })
    }

    fn input(&mut self, key: FeedKey, input: demand::Input) {
        let now = self.clock.now();
        let feed = self.feed(key);
        let from = feed.demand.state();
        feed.demand.handle(now, input);
        let to = feed.demand.state();
        if from != to {
            tracing::debug!(camera.id = %key.camera, tier = %key.tier, ?from, ?to, ?input, "feed");
        }
        // Not through `self.feed`: closing the source removes the feed, which must not come back by being looked at.
        while let Some(order) = self.feeds.get_mut(&key).and_then(|feed| feed.demand.poll()) {
            match order {
                demand::Output::OpenSource => self.open_source(key),
                demand::Output::CloseSource => self.close_source(key),
            }
        }
        self.changed.insert(key);
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

    fn open_source(&mut self, key: FeedKey) {
        let pump_scope = self.scope.child();
        let stream = self.ports.tunnels.open(key.camera, key.tier);
        let (engine, reports, metrics) =
            (self.ports.engine.clone(), self.report_in.clone(), self.metrics.clone());
        let feed = self.feed(key);
        let pump = Pump {
            feed: key,
            id: feed.id,
            stream,
            engine,
            reports,
            key_frame_wanted: Arc::clone(&feed.key_frame_wanted),
            metrics,
        };
        pump_scope.spawn("pump", pump.run(pump_scope.shutdown()));
        feed.pump = Some(pump_scope);
        self.metrics.feeds_opened.inc();
        self.metrics.feeds.inc();
    }

    fn close_source(&mut self, key: FeedKey) {
        let Some(feed) = self.feeds.remove(&key) else { return };
        if let Some(pump) = feed.pump {
            pump.cancel();
            self.metrics.feeds_closed.inc();
            self.metrics.feeds.dec();
        }
        self.by_id.remove(&feed.id);
        self.ports.engine.remove_feed(feed.id);
    }

    fn feed_news(&self, key: FeedKey) -> FromNode {
        let FeedKey { camera, tier } = key;
        let Some(feed) = self.feeds.get(&key) else {
            return idle(camera, tier);
        };
        let state = match feed.demand.state() {
            State::Idle => FeedState::Idle,
            State::Opening => FeedState::Opening,
            State::Live => FeedState::Live,
            State::Lingering { .. } => FeedState::Lingering,
            State::Resting => FeedState::Resting,
        };
        FromNode::Feed {
            camera,
            tier,
            state,
            reason: feed.trouble.clone(),
            viewers: feed.demand.viewers(),
            captured_at: feed.captured_at,
        }
    }

    fn load(&self) -> FromNode {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        FromNode::Load { viewers: count(self.sessions.len()), feeds: count(self.feeds.len()) }
    }
}

fn idle(camera: sluice_ids::CameraId, tier: Tier) -> FromNode {
    FromNode::Feed { camera, tier, state: FeedState::Idle, reason: None, viewers: 0, captured_at: None }
}

fn ended(reason: EngineEnd) -> EndReason {
    match reason {
        EngineEnd::Closed => EndReason::Closed,
        EngineEnd::Silence => EndReason::Silence,
        EngineEnd::DtlsFailed => EndReason::Failed,
        _ => EndReason::Stopped,
    }
}

/// Where control did not say how long a feed stays open after its last viewer.
const DEFAULT_LINGER: Duration = Duration::from_secs(15);
/// A camera encodes at most one extra key frame a second, whoever asks (design: coalesced).
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(1);
/// Longer leases are a fault of whoever gives them: a lease bridges the way from `play` to the offer.
const LONGEST_LEASE: Duration = Duration::from_secs(60);
/// A revoked session's token has expired long before this.
const REVOKED_FOR: Duration = Duration::from_secs(180);
/// Reports of pumps that wait for the relay; a pump waits when it is full.
const REPORTS: usize = 256;
