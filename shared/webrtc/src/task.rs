use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use sluice_runtime::{Clock, Shutdown};
use str0m::net::Receive;
use tokio::sync::{mpsc, oneshot};

use crate::{
    egress::Egress,
    engine::{
        Answer, Command, EndReason, EngineConfig, EngineEvent, Gone, Media, OfferError, Shared, TrickleError,
    },
    feed::Feed,
    frame::{FeedId, Frame, SessionKey},
    lineup::Orders,
    metrics::{EndLabel, EndedBy, EngineMetrics},
    negotiate::{self, Negotiator},
    socket::{Batch, Datagram, UdpPort},
    stun::{self, Kind},
    tcp::TcpInput,
    timers::Timers,
    viewer::{Moment, Notice, Route, Viewer},
};

/// What the owner task is joined to.
pub(crate) struct Ports {
    pub(crate) udp: UdpPort,
    pub(crate) tcp: Option<mpsc::Receiver<TcpInput>>,
    pub(crate) local_tcp: Option<SocketAddr>,
    pub(crate) media: mpsc::Receiver<(FeedId, Media)>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: mpsc::Sender<EngineEvent>,
}

/// The owner of the sockets and of all sessions.
pub(crate) struct Task {
    clock: Clock,
    inputs: Inputs,
    negotiator: Negotiator,
    egress: Egress,
    viewers: HashMap<SessionKey, Viewer>,
    feeds: HashMap<FeedId, Feed>,
    by_route: HashMap<Route, SessionKey>,
    by_ufrag: HashMap<String, SessionKey>,
    timers: Timers,
    local: Local,
    limits: Limits,
    /// Events nobody took yet. Ends and connects are kept, at most two for each session; the rest is dropped
    /// while [`EVENTS_KEPT`] wait.
    pending: VecDeque<EngineEvent>,
    notices: Vec<Notice>,
    metrics: EngineMetrics,
}

struct Inputs {
    tcp: Option<mpsc::Receiver<TcpInput>>,
    media: mpsc::Receiver<(FeedId, Media)>,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    events: mpsc::Sender<EngineEvent>,
}

/// Our addresses as viewers know them.
struct Local {
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
}

struct Limits {
    gop_bytes: usize,
    viewers: usize,
}

enum Wake {
    Stop,
    Told,
    Readable,
    Writable,
    Tcp(TcpInput),
    Gone,
    Command(Command),
    Media,
    Time,
}

impl Task {
    pub(crate) fn new(
        clock: Clock,
        config: EngineConfig,
        ports: Ports,
        metrics: EngineMetrics,
    ) -> Option<Self> {
        let local = Local::new(&config.advertised, ports.udp.local_addr(), ports.local_tcp);
        Some(Self {
            clock,
            negotiator: Negotiator::new(&local.udp, &local.tcp)?,
            egress: Egress::new(ports.udp, metrics.clone()),
            inputs: Inputs {
                tcp: ports.tcp,
                media: ports.media,
                commands: ports.commands,
                shared: ports.shared,
                events: ports.events,
            },
            viewers: HashMap::new(),
            feeds: HashMap::new(),
            by_route: HashMap::new(),
            by_ufrag: HashMap::new(),
            timers: Timers::default(),
            local,
            limits: Limits { gop_bytes: config.gop_bytes, viewers: config.max_viewers },
            pending: VecDeque::new(),
            notices: Vec::new(),
            metrics,
        })
    }

    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let (mut batch, mut media) = (Batch::new(), Vec::with_capacity(MEDIA_BATCH));
        loop {
            match self.wake(&shutdown, &mut media).await {
                Wake::Stop => break,
                Wake::Told => {}
                Wake::Readable => self.receive(&mut batch),
                Wake::Writable => self.egress.resume(),
                Wake::Tcp(input) => self.tcp(input),
                Wake::Gone => self.sweep(),
                Wake::Command(command) => self.command(command),
                Wake::Media => media.drain(..).for_each(|(feed, media)| self.media(feed, media)),
                Wake::Time => self.woke(),
            }
        }
        let keys: Vec<SessionKey> = self.viewers.keys().copied().collect();
        for key in keys {
            self.remove(key, EndLabel::Stopped);
        }
    }

    async fn wake(&mut self, shutdown: &Shutdown, media: &mut Vec<(FeedId, Media)>) -> Wake {
        let Inputs { tcp, media: frames, commands, shared, events } = &mut self.inputs;
        let tcp_input = async {
            match tcp {
                Some(tcp) => tcp.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.requested() => Wake::Stop,
            Ok(permit) = events.reserve(), if !self.pending.is_empty() => {
                if let Some(event) = self.pending.pop_front() {
                    permit.send(event);
                }
                Wake::Told
            }
            _ = self.egress.udp().readable() => Wake::Readable,
            _ = self.egress.udp().writable(), if self.egress.is_blocked() => Wake::Writable,
            Some(input) = tcp_input => Wake::Tcp(input),
            () = shared.woken.notified() => Wake::Gone,
            Some(command) = commands.recv() => Wake::Command(command),
            _ = frames.recv_many(media, MEDIA_BATCH), if !frames.is_closed() || !frames.is_empty() => Wake::Media,
            () = self.clock.sleep_until(self.timers.next()) => Wake::Time,
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), unix_millis: self.clock.unix_millis() }
    }

    // What comes from outside.

    fn receive(&mut self, batch: &mut Batch) {
        // An error of the socket is one of an earlier send; the next call sees what was received.
        let count = self.egress.udp().receive(batch).unwrap_or(0);
        let at = self.moment();
        for datagram in batch.datagrams(count) {
            if let Some(ip) = datagram.destination {
                self.egress.learn_local(ip);
            }
            self.packet(at, false, datagram);
        }
    }

    fn tcp(&mut self, input: TcpInput) {
        match input {
            TcpInput::Opened { remote, writer } => self.egress.connect(remote, writer),
            TcpInput::Packet { remote, local, packet } => {
                let at = self.moment();
                let datagram = Datagram { source: remote, destination: Some(local.ip()), contents: &packet };
                if self.packet(at, true, datagram).is_none() && self.egress.disconnect(remote) {
                    // Whoever connects begins with a check of a session that is here.
                    self.metrics.tcp_refused.inc();
                }
            }
            TcpInput::Closed { remote } => {
                self.egress.disconnect(remote);
                if let Some(key) = self.by_route.remove(&Route { tcp: true, remote })
                    && let Some(viewer) = self.viewers.get_mut(&key)
                {
                    viewer.routes.retain(|route| route.remote != remote || !route.tcp);
                }
            }
        }
    }

    /// Hands one packet to the viewer it is of; `None` if it is of nobody.
    fn packet(&mut self, at: Moment, tcp: bool, datagram: Datagram<'_>) -> Option<()> {
        self.metrics.datagrams_received.inc();
        let taken = self.route(at, tcp, datagram);
        if taken.is_none() {
            self.metrics.datagrams_refused.inc();
        }
        taken
    }

    fn route(&mut self, at: Moment, tcp: bool, datagram: Datagram<'_>) -> Option<()> {
        let route = Route { tcp, remote: datagram.source };
        let destination = self.local.answering(tcp, datagram.destination)?;
        let parse = || Receive::new(route.protocol(), route.remote, destination, datagram.contents).ok();
        let kind = Kind::of(datagram.contents);
        let known = self.by_route.get(&route).copied();
        let key = match kind {
            Kind::Other => return None,
            Kind::Stun => {
                let ufrag = stun::receiver_ufrag(datagram.contents)?;
                let key = *self.by_ufrag.get(ufrag)?;
                if known != Some(key) {
                    let viewer = self.viewers.get(&key)?;
                    if !viewer.accepts(at.now, parse()?) {
                        return None;
                    }
                    self.add_route(route, key);
                }
                key
            }
            Kind::Dtls | Kind::Rtcp => known?,
        };
        let packet = parse()?;
        let viewer = self.viewers.get_mut(&key)?;
        // Its state machine is not ours: should these bytes break it, they end this session and no other.
        let taken = catch_unwind(AssertUnwindSafe(|| viewer.receive(at.now, kind, packet)));
        match taken {
            Ok(taken) => {
                self.turn(at, key);
                taken.then_some(())
            }
            Err(_) => {
                self.end(key, EndReason::Broken);
                None
            }
        }
    }

    fn add_route(&mut self, route: Route, key: SessionKey) {
        if let Some(before) = self.by_route.insert(route, key)
            && let Some(viewer) = self.viewers.get_mut(&before)
        {
            viewer.routes.retain(|other| *other != route);
        }
        let Some(viewer) = self.viewers.get_mut(&key) else { return };
        viewer.routes.push(route);
        if viewer.routes.len() > ROUTES_KEPT {
            let oldest = viewer.routes.remove(0);
            self.by_route.remove(&oldest);
        }
    }

    // What comes from the owner.

    fn command(&mut self, command: Command) {
        match command {
            Command::Open(key, feed, offer, reply) => self.open(key, feed, &offer, reply),
            Command::Trickle(key, fragment, reply) => {
                let checked = match self.viewers.get(&key) {
                    Some(viewer) => negotiate::check_fragment(&fragment, viewer.remote_ufrag()),
                    None => Err(TrickleError::Unknown),
                };
                let _ = reply.send(checked);
            }
        }
    }

    fn open(
        &mut self,
        key: SessionKey,
        feed: FeedId,
        offer: &str,
        reply: oneshot::Sender<Result<Answer, OfferError>>,
    ) {
        if self.viewers.contains_key(&key) {
            self.remove(key, EndLabel::Requested);
        }
        let at = self.moment();
        let answer = self.admit(at.now, key, feed, offer);
        if answer.is_err() {
            self.metrics.offers_refused.inc();
        }
        // Nobody waits for the answer any more: nobody will come.
        if reply.send(answer).is_err() {
            self.remove(key, EndLabel::Requested);
        }
    }

    fn admit(
        &mut self,
        now: Instant,
        key: SessionKey,
        feed: FeedId,
        offer: &str,
    ) -> Result<Answer, OfferError> {
        if self.viewers.len() >= self.limits.viewers {
            return Err(OfferError::Full { limit: self.limits.viewers });
        }
        let negotiated = catch_unwind(AssertUnwindSafe(|| self.negotiator.answer(now, offer)))
            .unwrap_or_else(|_| Err(OfferError::Malformed { what: "it cannot be read".to_owned() }))?;
        let answer = Answer { sdp: negotiated.answer.clone(), ufrag: negotiated.ufrag.clone() };
        let mut viewer = Viewer::new(now, feed, negotiated);
        viewer.armed = Some(self.timers.arm(key, viewer.deadline(), None));
        self.by_ufrag.insert(answer.ufrag.clone(), key);
        self.viewers.insert(key, viewer);
        let limit = self.limits.gop_bytes;
        self.feeds.entry(feed).or_insert_with(|| Feed::new(limit)).viewers.push(key);
        self.metrics.viewers_opened.inc();
        Ok(answer)
    }

    fn sweep(&mut self) {
        for gone in self.inputs.shared.take() {
            match gone {
                Gone::Session(key) => self.remove(key, EndLabel::Requested),
                Gone::Feed(id) => self.forget(id),
            }
        }
    }

    fn forget(&mut self, id: FeedId) {
        let Some(feed) = self.feeds.get_mut(&id) else { return };
        if feed.viewers.is_empty() {
            self.feeds.remove(&id);
        } else {
            self.discontinuity(id);
        }
    }

    fn media(&mut self, id: FeedId, media: Media) {
        match media {
            Media::Discontinuity => self.discontinuity(id),
            Media::Frame(frame) if frame.payloads.is_empty() => {}
            Media::Frame(frame) => self.frame(id, &frame),
        }
    }

    fn frame(&mut self, id: FeedId, frame: &Arc<Frame>) {
        self.metrics.frames.inc();
        let limit = self.limits.gop_bytes;
        let feed = self.feeds.entry(id).or_insert_with(|| Feed::new(limit));
        feed.gop.push(frame);
        // Taken out while viewers are served, for `turn` needs all of `self`.
        let (viewers, before) = (std::mem::take(&mut feed.viewers), self.viewers.len());
        for key in &viewers {
            let at = self.moment();
            let (Some(viewer), Some(feed)) = (self.viewers.get_mut(key), self.feeds.get(&id)) else {
                continue;
            };
            viewer.lineup.frame(at.now, frame, &feed.gop);
            self.turn(at, *key);
        }
        if let Some(feed) = self.feeds.get_mut(&id) {
            feed.viewers = viewers;
            if self.viewers.len() != before {
                feed.viewers.retain(|key| self.viewers.contains_key(key));
            }
        }
    }

    fn discontinuity(&mut self, id: FeedId) {
        let now = self.clock.now();
        let Some(feed) = self.feeds.get_mut(&id) else { return };
        feed.gop.clear();
        for key in &feed.viewers {
            if let Some(viewer) = self.viewers.get_mut(key) {
                viewer.lineup.discontinuity();
            }
        }
        if !feed.viewers.is_empty() {
            self.want_key_frame(now, id);
        }
    }

    fn woke(&mut self) {
        let at = self.moment();
        while let Some((due, key)) = self.timers.pop(at.now) {
            let Some(viewer) = self.viewers.get_mut(&key) else { continue };
            if viewer.armed != Some(due) {
                continue;
            }
            viewer.armed = None;
            if viewer.deadline() > at.now {
                viewer.armed = Some(self.timers.arm(key, viewer.deadline(), None));
                continue;
            }
            if let Some(feed) = self.feeds.get(&viewer.feed) {
                viewer.lineup.woke(at.now, &feed.gop);
            }
            viewer.tell_freshness(at);
            self.turn(at, key);
        }
    }

    // One viewer's turn.

    /// Lets a viewer send and acts on what it says, until it says nothing more.
    fn turn(&mut self, at: Moment, key: SessionKey) {
        for _ in 0..MOST_TURNS {
            let Some(viewer) = self.viewers.get_mut(&key) else { return };
            let (egress, notices) = (&mut self.egress, &mut self.notices);
            let ran = catch_unwind(AssertUnwindSafe(|| viewer.run(at, egress, notices)));
            let Ok(resent) = ran else {
                self.notices.clear();
                self.end(key, EndReason::Broken);
                return;
            };
            if resent > 0 {
                viewer.lineup.packets_lost(at.now);
                self.metrics.packets_resent.inc_by(resent);
            }
            if let Some(reason) = viewer.over(at.now) {
                self.notices.push(Notice::Ended(reason));
            }
            let orders = viewer.lineup.take_orders();
            if self.notices.is_empty() && orders == Orders::default() {
                break;
            }
            let feed = viewer.feed;
            self.obey(at.now, feed, orders);
            self.act(at, key);
        }
        if let Some(viewer) = self.viewers.get_mut(&key) {
            viewer.armed = Some(self.timers.arm(key, viewer.deadline(), viewer.armed));
        }
    }

    fn act(&mut self, at: Moment, key: SessionKey) {
        let mut notices = std::mem::take(&mut self.notices);
        for notice in notices.drain(..) {
            match notice {
                Notice::Connected(after) => {
                    self.metrics.viewers_connected.inc();
                    self.metrics.connect_seconds.observe(after.as_secs_f64());
                    self.pending.push_back(EngineEvent::Connected(key));
                    self.with_gop(key, |viewer, gop| viewer.lineup.connected(at.now, gop));
                }
                Notice::Pictured(after) => self.metrics.first_packet_seconds.observe(after.as_secs_f64()),
                Notice::PictureLost => {
                    self.metrics.picture_losses.inc();
                    self.with_gop(key, |viewer, gop| viewer.picture_lost(at.now, gop));
                }
                Notice::Message(text) => self.tell(EngineEvent::Message(key, text)),
                Notice::Ended(reason) => self.end(key, reason),
            }
        }
        self.notices = notices;
    }

    fn with_gop(&mut self, key: SessionKey, act: impl FnOnce(&mut Viewer, &crate::feed::Gop)) {
        if let Some(viewer) = self.viewers.get_mut(&key)
            && let Some(feed) = self.feeds.get(&viewer.feed)
        {
            act(viewer, &feed.gop);
        }
    }

    fn obey(&mut self, now: Instant, feed: FeedId, orders: Orders) {
        self.metrics.bursts.inc_by(orders.burst.into());
        self.metrics.rebursts.inc_by(orders.reburst.into());
        self.metrics.waits.inc_by(orders.wait.into());
        self.metrics.cuts.inc_by(orders.cut.into());
        if orders.want_key_frame {
            self.want_key_frame(now, feed);
        }
    }

    fn want_key_frame(&mut self, now: Instant, id: FeedId) {
        if self.feeds.get_mut(&id).is_some_and(|feed| feed.ask_key_frame(now)) {
            self.metrics.key_frames_wanted.inc();
            self.tell(EngineEvent::KeyFrameWanted(id));
        }
    }

    fn tell(&mut self, event: EngineEvent) {
        if self.pending.len() < EVENTS_KEPT {
            self.pending.push_back(event);
        } else if matches!(event, EngineEvent::Message(..)) {
            self.metrics.messages_dropped.inc();
        }
    }

    fn end(&mut self, key: SessionKey, reason: EndReason) {
        if self.viewers.contains_key(&key) {
            self.pending.push_back(EngineEvent::Ended(key, reason));
            self.remove(key, reason.into());
        }
    }

    fn remove(&mut self, key: SessionKey, label: EndLabel) {
        let Some(mut viewer) = self.viewers.remove(&key) else { return };
        if label == EndLabel::Broken {
            self.metrics.sessions_broken.inc();
        } else {
            viewer.close(self.clock.now(), &mut self.egress);
        }
        self.by_ufrag.remove(viewer.ufrag());
        for route in &viewer.routes {
            self.by_route.remove(route);
            if route.tcp {
                self.egress.disconnect(route.remote);
            }
        }
        if let Some(feed) = self.feeds.get_mut(&viewer.feed) {
            feed.viewers.retain(|other| *other != key);
        }
        self.metrics.viewers_ended.get_or_create(&EndedBy { reason: label }).inc();
    }
}

impl Local {
    fn new(advertised: &[IpAddr], udp: SocketAddr, tcp: Option<SocketAddr>) -> Self {
        let with_port = |local: SocketAddr| {
            let ips = negotiate::candidate_ips(advertised, local);
            ips.into_iter().map(|ip| SocketAddr::new(ip, local.port())).collect()
        };
        Self { udp: with_port(udp), tcp: tcp.map(with_port).unwrap_or_default() }
    }

    /// The candidate that packets to `destination` were sent to. Behind a 1:1 NAT that is another address.
    fn answering(&self, tcp: bool, destination: Option<IpAddr>) -> Option<SocketAddr> {
        let candidates = if tcp { &self.tcp } else { &self.udp };
        let same = |candidate: &&SocketAddr| Some(candidate.ip()) == destination;
        let family =
            |candidate: &&SocketAddr| destination.is_none_or(|ip| ip.is_ipv4() == candidate.is_ipv4());
        candidates
            .iter()
            .find(same)
            .or_else(|| candidates.iter().find(family))
            .or_else(|| candidates.first())
            .copied()
    }
}

impl From<EndReason> for EndLabel {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Closed => Self::Closed,
            EndReason::Silence => Self::Silence,
            EndReason::DtlsFailed => Self::DtlsFailed,
            EndReason::Broken => Self::Broken,
            EndReason::Stopped => Self::Stopped,
        }
    }
}

/// Frames taken in one turn of the loop.
const MEDIA_BATCH: usize = 32;
/// Addresses remembered for one viewer; a browser tries a few.
const ROUTES_KEPT: usize = 8;
/// Wishes and messages that wait for the owner; more are dropped.
const EVENTS_KEPT: usize = 1_024;
/// What a viewer says leads to at most a few answers: `Connected` to a burst, a lost picture to another.
const MOST_TURNS: usize = 4;
