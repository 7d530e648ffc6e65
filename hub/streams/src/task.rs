use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use sluice_ids::{CameraId, NodeId, SessionId, TenantId, Tier, UnixMillis};
use sluice_runtime::{Clock, Shutdown, uuid_v7};
use sluice_wire::node::{FeedState, FromNode, StayReason, ToNode};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    book::{Book, Ending, H1Group, Hints, Order, Phase, Qoe, Reach, SessionView, Terms, Untouchable},
    decide::{Camera, Decision, Http, Inputs, Path, Protocol, ProtocolWish, Viewer, Wish, decide},
    event::{FeedView, StreamEvent},
    metrics::StreamsMetrics,
    mirror::Mark,
    play::{Caller, Explain, Picture, PlayRequest, StartKey, Wanted},
    refusal::{Refusal, RefusalCode},
    tiers::Basis,
    why::Why,
};

/// What one camera of a request came to, before it is recorded and signed.
pub(crate) struct Granted {
    pub(crate) view: SessionView,
    pub(crate) decision: Decision,
    pub(crate) picture: Picture,
    /// What opens it otherwise, in the order to try.
    pub(crate) fallbacks: Vec<Protocol>,
    /// `false` for a session that a start key found.
    pub(crate) fresh: bool,
    pub(crate) key: Option<StartKey>,
}

/// A session that was renewed, what else plays it, and how its feed stands.
pub(crate) struct Again {
    pub(crate) view: SessionView,
    pub(crate) fallbacks: Vec<Protocol>,
    pub(crate) feed: Option<FeedView>,
}

/// Which sessions to end at once.
#[derive(Debug, Clone)]
pub(crate) enum Class {
    Camera(CameraId),
    Credential(TenantId, String),
    Tenant(TenantId),
}

pub(crate) type Items = Vec<Result<Granted, Refusal>>;
/// What was renewed, in the order asked for.
pub(crate) type Renewed = Vec<Touched<Again>>;
pub(crate) type Touched<T> = Result<T, Untouchable>;

pub(crate) enum Command {
    Play(Arc<PlayRequest>, String, oneshot::Sender<Items>),
    Find(StartKey, oneshot::Sender<Option<SessionId>>),
    Renew(Reach, Vec<(SessionId, Option<Protocol>)>, oneshot::Sender<Renewed>),
    Explain(Box<Explain>, oneshot::Sender<Result<Decision, Refusal>>),
    /// What players tell of their tiles, with what is known of their cameras now.
    Hint(Reach, Vec<(SessionId, Hints)>, Vec<Camera>, oneshot::Sender<Vec<Touched<()>>>),
    Measured(Reach, SessionId, Qoe, oneshot::Sender<Touched<()>>),
    End(Reach, Vec<SessionId>, Ending, oneshot::Sender<Vec<Touched<()>>>),
    EndAll(Class, Ending),
    List(Reach, oneshot::Sender<Vec<SessionView>>),
    View(SessionId, oneshot::Sender<Option<SessionView>>),
    Feeds(Vec<CameraId>, oneshot::Sender<HashMap<(CameraId, Tier), FeedView>>),
}

/// The owner of every session: the only one that writes the book.
pub(crate) struct Task {
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) node: NodeId,
    pub(crate) most_sessions: usize,
    pub(crate) inbox: mpsc::Receiver<Command>,
    pub(crate) to_node: mpsc::Sender<ToNode>,
    pub(crate) from_node: mpsc::Receiver<FromNode>,
    pub(crate) marks: mpsc::Sender<Mark>,
    pub(crate) events: broadcast::Sender<StreamEvent>,
    pub(crate) metrics: StreamsMetrics,
    pub(crate) state: State,
}

#[derive(Default)]
pub(crate) struct State {
    book: Book,
    feeds: HashMap<(CameraId, Tier), FeedView>,
    /// Feeds to be leased: however many viewers ask in one instant, the node hears of each once.
    leases: BTreeSet<(CameraId, Tier)>,
    /// Sessions to be ended at the node; before leases, because ending has a promise of 1 s.
    revokes: VecDeque<SessionId>,
    revoking: HashSet<SessionId>,
    /// Sessions whose viewers are to see another tier; the newest word of each.
    shows: BTreeMap<SessionId, Tier>,
    /// Sessions that are to pause or to go on; the newest word of each.
    pauses: BTreeMap<SessionId, bool>,
    /// Changes the mirror has not taken: at most four for each session.
    unmarked: VecDeque<Mark>,
    keys: Option<ToNode>,
}

impl State {
    pub(crate) fn new(keys: ToNode) -> Self {
        Self { keys: Some(keys), ..Self::default() }
    }
}

enum Event {
    Command(Command),
    Node(FromNode),
    Woke,
}

impl Task {
    pub(crate) async fn run(mut self) {
        loop {
            while let Some(order) = self.state.book.poll() {
                self.obey(order);
            }
            let (to_node, marks) = (self.to_node.clone(), self.marks.clone());
            let event = tokio::select! { biased;
                () = self.shutdown.requested() => break,
                Ok(permit) = to_node.reserve(), if self.has_orders() => {
                    if let Some(order) = self.next_order() {
                        permit.send(order);
                    }
                    continue;
                }
                Ok(permit) = marks.reserve(), if !self.state.unmarked.is_empty() => {
                    if let Some(mark) = self.state.unmarked.pop_front() {
                        permit.send(mark);
                    }
                    continue;
                }
                Some(news) = self.from_node.recv() => Event::Node(news),
                Some(command) = self.inbox.recv() => Event::Command(command),
                () = self.clock.sleep_until(self.state.book.deadline()) => Event::Woke,
            };
            match event {
                Event::Command(command) => self.command(command),
                Event::Node(news) => self.news(news),
                Event::Woke => self.state.book.woke(self.clock.now()),
            }
        }
        self.last_words().await;
    }

    /// At shutdown the sessions' ends are written as far as the mirror takes them within its deadline.
    async fn last_words(self) {
        for mark in self.state.unmarked {
            if self.marks.send(mark).await.is_err() {
                break;
            }
        }
    }

    fn has_orders(&self) -> bool {
        let State { keys, revokes, leases, shows, pauses, .. } = &self.state;
        let none = revokes.is_empty() && leases.is_empty() && shows.is_empty() && pauses.is_empty();
        keys.is_some() || !none
    }

    fn next_order(&mut self) -> Option<ToNode> {
        if let Some(keys) = self.state.keys.take() {
            return Some(keys);
        }
        if let Some(session) = self.state.revokes.pop_front() {
            self.state.revoking.remove(&session);
            return Some(ToNode::Revoke { session });
        }
        if let Some((camera, tier)) = self.state.leases.pop_first() {
            let until = UnixMillis(self.clock.unix_millis()).plus(LEASE);
            return Some(ToNode::Lease { camera, tier, until });
        }
        if let Some((session, paused)) = self.state.pauses.pop_first() {
            return Some(ToNode::Pause { session, paused });
        }
        let (session, tier) = self.state.shows.pop_first()?;
        Some(ToNode::Switch { session, tier })
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Lease(camera, tier) => drop(self.state.leases.insert((camera, tier))),
            Order::Revoke(session) => {
                if self.state.revoking.insert(session) {
                    self.state.revokes.push_back(session);
                }
            }
            Order::Changed(view) => self.changed(*view),
            Order::Switched(view) => self.switched(*view),
            Order::Show(session, tier) => drop(self.state.shows.insert(session, tier)),
            Order::Pause(session, paused) => drop(self.state.pauses.insert(session, paused)),
            Order::Retiered(view, why) => {
                self.metrics.tiers_switched.inc();
                self.tell_tier(*view, why, None);
            }
            Order::Kept(view, why, stayed) => {
                self.metrics.tiers_kept.inc();
                self.tell_tier(*view, why, stayed);
            }
        }
    }

    fn changed(&mut self, view: SessionView) {
        let session = view.id;
        match view.phase {
            // The row itself is written by the caller, before the token is out.
            Phase::Granted => drop(self.metrics.grants.inc()),
            Phase::Started => self.state.unmarked.push_back(Mark::Started(session)),
            Phase::Connected => {
                self.metrics.connected.inc();
                self.state.unmarked.push_back(Mark::Connected(session));
            }
            Phase::Ended(why) => {
                self.metrics.ended.inc();
                self.state.unmarked.push_back(Mark::Ended(session, why.as_str()));
            }
        }
        tracing::debug!(session.id = %session, camera.id = %view.camera, phase = view.phase.as_str(), "session changed");
        // Nobody may be listening.
        let _ = self.events.send(StreamEvent::Session(view));
    }

    fn switched(&mut self, view: SessionView) {
        self.metrics.switches.inc();
        self.state.unmarked.push_back(Mark::Switched(view.id, view.protocol.as_str()));
        tracing::debug!(session.id = %view.id, protocol = view.protocol.as_str(), "session switched");
        // Nobody may be listening.
        let _ = self.events.send(StreamEvent::Session(view));
    }

    fn tell_tier(&self, view: SessionView, why: Vec<Why>, stayed: Option<StayReason>) {
        tracing::debug!(session.id = %view.id, tier = %view.tier, stayed = stayed.map(StayReason::as_str), "session's tier");
        // Nobody may be listening.
        let _ = self.events.send(StreamEvent::Tier { view, why, stayed });
    }

    fn news(&mut self, news: FromNode) {
        let at = self.clock.now();
        match news {
            FromNode::SessionStarted { session } => self.state.book.started(session),
            FromNode::SessionConnected { session } => self.state.book.connected(at, session),
            FromNode::SessionEnded { session, reason } => self.state.book.ended(at, session, reason),
            FromNode::SessionSwitched { session, tier } => self.state.book.tier_switched(at, session, tier),
            FromNode::SessionStayed { session, tier, reason } => {
                self.state.book.tier_stayed(at, session, (tier, reason));
            }
            FromNode::Feed { camera, tier, state, reason, viewers, captured_at } => {
                let view = FeedView { state, reason, viewers, captured_at };
                self.feed(camera, tier, view);
            }
            // The registry has them; nothing is decided here by how a pull stands.
            FromNode::Cameras(_) | FromNode::Load { .. } => {}
        }
    }

    fn feed(&mut self, camera: CameraId, tier: Tier, view: FeedView) {
        let before = if view.state == FeedState::Idle {
            self.state.feeds.remove(&(camera, tier))
        } else {
            self.state.feeds.insert((camera, tier), view.clone())
        };
        let told = before.is_some_and(|old| old.state == view.state && old.reason == view.reason);
        if !told {
            let _ = self.events.send(StreamEvent::Feed { camera, tier, view });
        }
    }

    fn command(&mut self, command: Command) {
        let at = self.clock.now();
        let book = &mut self.state.book;
        match command {
            Command::Play(request, correlation, reply) => {
                let items = self.play(&request, &correlation);
                // The caller may have hung up: nobody will get these tokens.
                if let Err(items) = reply.send(items) {
                    self.withdraw(&items);
                }
            }
            Command::Find(key, reply) => drop(reply.send(book.started_as(&key).map(|view| view.id))),
            Command::Renew(reach, ids, reply) => {
                let _ = reply.send(ids.into_iter().map(|id| self.renew(at, &reach, id)).collect());
            }
            Command::Explain(asked, reply) => {
                let _ = reply.send(self.explain(&asked));
            }
            Command::Hint(reach, hints, cameras, reply) => {
                let noted = hints.iter().map(|(id, hints)| book.hint(at, &reach, (*id, hints), &cameras));
                let _ = reply.send(noted.collect());
            }
            Command::Measured(reach, id, qoe, reply) => drop(reply.send(book.measured(&reach, id, qoe))),
            Command::End(reach, ids, why, reply) => {
                let _ = reply.send(ids.into_iter().map(|id| book.end(at, &reach, id, why)).collect());
            }
            Command::EndAll(Class::Camera(camera), why) => {
                book.end_all(at, why, |view| view.camera == camera);
            }
            Command::EndAll(Class::Credential(tenant, credential), why) => {
                book.end_all(at, why, |view| view.tenant == tenant && view.credential == credential);
            }
            Command::EndAll(Class::Tenant(tenant), why) => {
                book.end_all(at, why, |view| view.tenant == tenant);
            }
            Command::List(reach, reply) => drop(reply.send(book.list(&reach))),
            Command::View(id, reply) => drop(reply.send(book.view(id).cloned())),
            Command::Feeds(cameras, reply) => {
                let asked = cameras.iter().flat_map(|camera| Tier::ALL.map(|tier| (*camera, tier)));
                let known =
                    asked.filter_map(|key| self.state.feeds.get(&key).map(|view| (key, view.clone())));
                let _ = reply.send(known.collect());
            }
        }
    }

    fn withdraw(&mut self, items: &Items) {
        let at = self.clock.now();
        for granted in items.iter().flatten().filter(|granted| granted.fresh) {
            let reach = Reach::Tenant(granted.view.tenant);
            let _ = self.state.book.end(at, &reach, granted.view.id, Ending::NotRecorded);
        }
    }

    fn play(&mut self, request: &PlayRequest, correlation: &str) -> Items {
        let mut items = Vec::with_capacity(request.cameras.len());
        for wanted in &request.cameras {
            let item = self.one(request, wanted, correlation);
            if item.is_err() {
                self.metrics.refusals.inc();
            }
            items.push(item);
        }
        items
    }

    fn one(&mut self, request: &PlayRequest, wanted: &Wanted, correlation: &str) -> Result<Granted, Refusal> {
        let known = wanted.camera.as_ref().ok_or(Refusal::new(RefusalCode::CameraUnknown))?;
        let camera = self.with_feeds(known);
        let live = wanted.key.as_ref().and_then(|key| self.state.book.started_as(key)).cloned();
        if let Some(live) = live.filter(|_| camera.enabled) {
            return self.again(wanted.wish, &camera, &live);
        }
        let group = h1_group(&request.caller, request.origin.as_ref());
        let decision = self.decided(wanted.wish, &camera, &request.viewer, &group)?;
        let picture = self.picture(&camera, decision.tier);
        if self.state.book.live() >= self.most_sessions {
            return Err(Refusal::new(RefusalCode::SessionsFull));
        }
        let view = self.session(request, camera.id, &decision, correlation);
        let key = wanted.key.clone();
        let may_come = decision.protocol == Protocol::LlHls || decision.fallbacks.contains(&Protocol::LlHls);
        let h1 = (request.viewer.http == Http::H1 && may_come).then_some(group);
        let basis = Basis { wish: wanted.wish, viewer: request.viewer.clone(), camera };
        let fallbacks = decision.fallbacks.clone();
        let terms = Terms { key: key.clone(), fallbacks, h1, basis: Some(basis) };
        self.state.book.grant(self.clock.now(), view.clone(), terms);
        Ok(Granted { view, fallbacks: decision.fallbacks.clone(), decision, picture, fresh: true, key })
    }

    /// A start that finds the session it started before: that session goes on, by its protocol unless another is
    /// asked for that it was granted with.
    fn again(&mut self, wish: Wish, camera: &Camera, live: &SessionView) -> Result<Granted, Refusal> {
        use Protocol::{Hls, LlHls, Webrtc};
        if wish.tier.is_some_and(|tier| tier != live.tier) {
            return Err(Refusal::about(RefusalCode::SessionRunsOtherwise, live.tier.as_str()));
        }
        let wanted = match wish.protocol {
            ProtocolWish::AnyHls if live.protocol == Webrtc => vec![Some(LlHls), Some(Hls)],
            ProtocolWish::Only(asked) => vec![Some(asked)],
            ProtocolWish::Auto | ProtocolWish::AnyHls => vec![None],
        };
        let (at, reach) = (self.clock.now(), Reach::Tenant(live.tenant));
        let renewed =
            wanted.into_iter().find_map(|wanted| self.state.book.renew(at, &reach, (live.id, wanted)).ok());
        let otherwise = || Refusal::about(RefusalCode::SessionRunsOtherwise, live.protocol.as_str());
        let (view, fallbacks) = renewed.ok_or_else(otherwise)?;
        let decision = Decision {
            protocol: view.protocol,
            tier: view.tier,
            node: view.node,
            path: Path::Wan,
            why: vec![Why::SessionRunning],
            fallbacks: fallbacks.clone(),
        };
        let picture = self.picture(camera, view.tier);
        Ok(Granted { view, decision, picture, fallbacks, fresh: false, key: None })
    }

    fn decided(
        &self,
        wish: Wish,
        camera: &Camera,
        viewer: &Viewer,
        group: &H1Group,
    ) -> Result<Decision, Refusal> {
        let h1_sessions = self.state.book.h1_sessions(group);
        decide(&Inputs { wish, camera, viewer, node: Some(self.node), h1_sessions })
    }

    fn explain(&self, asked: &Explain) -> Result<Decision, Refusal> {
        let camera = self.with_feeds(&asked.camera);
        let group = h1_group(&asked.caller, asked.origin.as_ref());
        self.decided(asked.wish, &camera, &asked.viewer, &group)
    }

    fn renew(
        &mut self,
        at: Instant,
        reach: &Reach,
        id: (SessionId, Option<Protocol>),
    ) -> Result<Again, Untouchable> {
        let (view, fallbacks) = self.state.book.renew(at, reach, id)?;
        self.metrics.renewals.inc();
        let feed = self.state.feeds.get(&(view.camera, view.tier)).cloned();
        Ok(Again { view, fallbacks, feed })
    }

    fn session(
        &self,
        request: &PlayRequest,
        camera: CameraId,
        decision: &Decision,
        correlation: &str,
    ) -> SessionView {
        let caller = &request.caller;
        SessionView {
            id: SessionId::from_uuid(uuid_v7(&self.clock)),
            tenant: caller.tenant,
            camera,
            tier: decision.tier,
            protocol: decision.protocol,
            node: decision.node,
            correlation: correlation.to_owned(),
            credential: caller.credential.clone(),
            user: caller.user,
            label: request.on_behalf_of.clone().unwrap_or_else(|| caller.label.clone()),
            on_behalf_of: request.on_behalf_of.clone(),
            ptz: request.ptz,
            granted_at: UnixMillis(self.clock.unix_millis()),
            phase: Phase::Granted,
            hints: Hints::default(),
            qoe: None,
        }
    }

    fn with_feeds(&self, camera: &Camera) -> Camera {
        let mut camera = camera.clone();
        for offered in &mut camera.tiers {
            let feed = self.state.feeds.get(&(camera.id, offered.tier));
            offered.watched = feed.is_some_and(|feed| feed.viewers > 0);
        }
        camera
    }

    fn picture(&self, camera: &Camera, tier: Tier) -> Picture {
        let offered = camera.tiers.iter().find(|offered| offered.tier == tier);
        let trouble = offered.and_then(|offered| offered.trouble.clone());
        let warm = offered.is_some_and(|offered| offered.warm);
        picture(camera.device_online, warm, trouble, self.state.feeds.get(&(camera.id, tier)))
    }
}

fn h1_group(caller: &Caller, origin: Option<&String>) -> H1Group {
    H1Group { tenant: caller.tenant, credential: caller.credential.clone(), origin: origin.cloned() }
}

/// What a viewer would see now, from what the edge and the node say.
pub(crate) fn picture(
    device_online: bool,
    warm: bool,
    trouble: Option<(String, String)>,
    feed: Option<&FeedView>,
) -> Picture {
    let captured_at = feed.and_then(|feed| feed.captured_at);
    let offline =
        || ("device-offline".to_owned(), "the edge of this site is not connected to the hub".to_owned());
    let reason = if device_online { trouble } else { Some(offline()) };
    let reason = reason.or_else(|| feed.and_then(|feed| feed.reason.clone()));
    let state = match (feed.map(|feed| feed.state), &reason) {
        (_, Some(_)) => "resting",
        (Some(FeedState::Live | FeedState::Lingering), None) => "live",
        (Some(FeedState::Resting), None) => "resting",
        _ if warm => "ready",
        _ => "opening",
    };
    Picture { state, reason, captured_at }
}

/// How long a feed is held open for a viewer who has his token but has not come yet.
const LEASE: std::time::Duration = std::time::Duration::from_secs(10);
