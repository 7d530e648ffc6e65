mod feeds;
mod ingress;
mod switches;
#[cfg(test)]
mod tests;
mod turns;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_runtime::{Clock, Shutdown};
use tokio::sync::{mpsc, oneshot};

use self::ingress::Local;
use crate::{
    egress::Egress,
    engine::{Answer, Command, EngineConfig, EngineEvent, Media, Shared, Told},
    error::{OfferError, TrickleError},
    feed::Feed,
    frame::{FeedId, KeyHash, SessionKey},
    metrics::{EndLabel, EngineMetrics},
    negotiate::{self, Negotiator},
    socket::{Batch, UdpPort},
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
    /// Each in a place of its own, for the map doubles when it grows.
    viewers: HashMap<SessionKey, Box<Viewer>, KeyHash>,
    feeds: HashMap<FeedId, Feed, KeyHash>,
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

struct Limits {
    gop_bytes: usize,
    viewers: usize,
    switch_patience: Duration,
}

enum Wake {
    Stop,
    Taken,
    Readable,
    Writable,
    Tcp(TcpInput),
    Told,
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
            viewers: HashMap::default(),
            feeds: HashMap::default(),
            by_route: HashMap::new(),
            by_ufrag: HashMap::new(),
            timers: Timers::default(),
            local,
            limits: Limits {
                gop_bytes: config.gop_bytes,
                viewers: config.max_viewers,
                switch_patience: config.switch_patience,
            },
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
                Wake::Taken => {}
                Wake::Readable => self.receive(&mut batch),
                Wake::Writable => self.egress.resume(),
                Wake::Tcp(input) => self.tcp(input),
                Wake::Told => self.sweep(),
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
                Wake::Taken
            }
            _ = self.egress.udp().readable() => Wake::Readable,
            _ = self.egress.udp().writable(), if self.egress.is_blocked() => Wake::Writable,
            Some(input) = tcp_input => Wake::Tcp(input),
            () = shared.woken.notified() => Wake::Told,
            Some(command) = commands.recv() => Wake::Command(command),
            _ = frames.recv_many(media, MEDIA_BATCH), if !frames.is_closed() || !frames.is_empty() => Wake::Media,
            () = self.clock.sleep_until(self.timers.next()) => Wake::Time,
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), unix_millis: self.clock.unix_millis() }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Open(key, feed, offer, reply) => {
                // What the feed was said to be before decides about the offer.
                self.catch_up();
                self.open(key, feed, &offer, reply);
            }
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
        let media = self.feeds.get(&feed).and_then(|feed| feed.media);
        let negotiated = catch_unwind(AssertUnwindSafe(|| self.negotiator.answer(now, offer, media)))
            .unwrap_or_else(|_| Err(OfferError::Malformed { what: "it cannot be read".to_owned() }))?;
        let answer = Answer { sdp: negotiated.answer.clone(), ufrag: negotiated.ufrag.clone() };
        let mut viewer = Box::new(Viewer::new(now, feed, negotiated));
        if let Some(media) = media {
            viewer.tune(media);
        }
        let listens = viewer.listens();
        viewer.armed = Some(self.timers.arm(key, viewer.deadline(), None));
        self.by_ufrag.insert(answer.ufrag.clone(), key);
        self.viewers.insert(key, viewer);
        let id = feed;
        let feed = self.feed(id);
        feed.viewers.push(key);
        feed.listen(key, listens);
        // By the time it is connected a camera that can be asked has sent a key frame, and there is little to catch up.
        if feed.gop.cached().since_key > LONG_TO_CATCH_UP {
            self.want_key_frame(now, id);
        }
        self.metrics.viewers_opened.inc();
        Ok(answer)
    }

    fn sweep(&mut self) {
        let told = self.inputs.shared.take();
        if told.iter().any(|told| matches!(told, Told::Removed(_))) {
            // Frames that were pushed before their feed was removed would bring it back for good.
            self.catch_up();
        }
        for told in told {
            match told {
                Told::Closed(key) => self.remove(key, EndLabel::Requested),
                Told::Removed(id) => self.forget(id),
                Told::Described(id, media) => self.describe(id, media),
                Told::Switch(key, id) => self.switch(key, id),
                Told::Answer(key, text) => self.answer(key, &text),
            }
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
            self.tire(at, key);
            self.turn(at, key);
        }
    }
}

/// A browser decodes what lies behind a key frame older than this about as long as it takes to connect.
const LONG_TO_CATCH_UP: Duration = Duration::from_secs(1);
/// Frames taken in one turn of the loop.
const MEDIA_BATCH: usize = 32;
