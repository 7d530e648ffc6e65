//! The owner of one stream's session: obeys the lifecycle, feeds the intake, serves the outlets.

use std::{
    future::{Future, pending},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use retina::client::{PacketItem, Playing, Session, SessionGroup};
use sluice_guardian::{Denied, Permit};
use sluice_runtime::{Clock, Shutdown, random_bytes};
use tokio::{
    select,
    sync::{mpsc, oneshot, watch},
};

use crate::{
    intake::{Intake, Taken},
    lifecycle::{Demand, Input, Lifecycle, Output},
    metrics::{FailureLabels, SourceMetrics},
    outlet::{Origin, Outlet},
    presentation::Presentation,
    session::{self, NotOpened, OpenError, Opened},
    settings::Settings,
    source::{KeyPicture, Start, Wishes},
    status::{KeyFrames, ReasonCode, State, Status},
    subscription::Subscription,
};

/// What a handle asks.
#[derive(Debug)]
pub(crate) enum Command {
    /// Somebody wants the stream.
    Subscribe { start: Start, answer: oneshot::Sender<Subscription> },
    /// Somebody wants the newest picture that stands alone.
    Picture { answer: oneshot::Sender<Option<KeyPicture>> },
}

pub(crate) struct Task {
    clock: Clock,
    settings: Arc<Settings>,
    metrics: SourceMetrics,
    wishes: Arc<Wishes>,
    status: watch::Sender<Status>,
    key_frames: watch::Sender<KeyFrames>,
    lifecycle: Lifecycle,
    group: Arc<SessionGroup>,
    pull: Pull,
    /// Sessions that are over here and perhaps not at the camera.
    leaving: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send>>>,
    live: Option<Live>,
    offered: Option<Arc<Presentation>>,
    outlets: Vec<Outlet>,
    told: (State, Option<ReasonCode>),
}

/// What the playing session gives.
struct Live {
    origin: Origin,
    intake: Intake,
}

enum Pull {
    Idle,
    Asking(Pin<Box<dyn Future<Output = Result<Permit, Denied>> + Send>>),
    Opening(Pin<Box<dyn Future<Output = Result<Opened, NotOpened>> + Send>>),
    Playing(Box<Session<Playing>>, Permit),
}

enum Pulled {
    Admitted(Result<Permit, Denied>),
    Opened(Result<Opened, NotOpened>),
    Item(PacketItem),
    Lost(OpenError),
}

/// Packets taken at one wake before others have their turn.
const BATCH: usize = 128;
/// The longest that cameras keep a session of which they hear nothing (RFC 2326 §12.37: 60 s), and a little more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(65);

impl Task {
    pub(crate) fn new(
        clock: Clock,
        settings: Settings,
        metrics: SourceMetrics,
        wishes: Arc<Wishes>,
        (status, key_frames): (watch::Sender<Status>, watch::Sender<KeyFrames>),
    ) -> Self {
        Self {
            lifecycle: Lifecycle::new(settings.hold, u64::from_ne_bytes(random_bytes())),
            clock,
            settings: Arc::new(settings.without_userinfo()),
            metrics,
            wishes,
            status,
            key_frames,
            group: Arc::default(),
            pull: Pull::Idle,
            leaving: FuturesUnordered::new(),
            live: None,
            offered: None,
            outlets: Vec::new(),
            told: (State::Off, None),
        }
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, shutdown: Shutdown) {
        let wishes = Arc::clone(&self.wishes);
        let mut timer = Timer::default();
        let mut stop = pin!(shutdown.requested());
        loop {
            self.obey();
            timer.arm(self.clock, self.lifecycle.deadline());
            select! { biased;
                () = &mut stop => break,
                command = inbox.recv() => match command {
                    Some(Command::Subscribe { start, answer }) => self.subscribed(start, answer),
                    // Who does not wait any more needs none.
                    Some(Command::Picture { answer }) => drop(answer.send(self.picture())),
                    None => break,
                },
                () = wishes.changed.notified() => {
                    if wishes.closed.load(Ordering::Acquire) {
                        break;
                    }
                    self.demand();
                    if wishes.give_way.swap(false, Ordering::AcqRel) {
                        self.handle(Input::GaveWay);
                    }
                }
                () = timer.fired() => self.handle(Input::Woke),
                Some(()) = self.leaving.next(), if !self.leaving.is_empty() => {}
                pulled = self.pull.next() => self.pulled(pulled),
            }
        }
        self.end().await;
    }

    async fn end(mut self) {
        self.close();
        self.metrics.subscribers.dec_by(i64::try_from(self.outlets.len()).unwrap_or_default());
        self.outlets.clear();
        self.status.send_modify(|status| {
            *status = Status { since_ms: self.clock.unix_millis(), ..Status::default() };
        });
        session::torn_down(&self.group).await;
        // What the camera has confirmed does not count any more.
        while let Some(Some(())) = self.leaving.next().now_or_never() {}
    }

    fn handle(&mut self, input: Input) {
        self.lifecycle.handle(self.clock.now(), input);
    }

    fn obey(&mut self) {
        while let Some(order) = self.lifecycle.poll() {
            match order {
                Output::Open => {
                    let (guardian, ask) =
                        (self.settings.guardian.clone(), self.settings.ask(!self.outlets.is_empty()));
                    self.pull = Pull::Asking(Box::pin(async move { guardian.admit(ask).await }));
                }
                Output::Close => self.close(),
            }
        }
        self.publish(false);
    }

    fn close(&mut self) {
        if let Pull::Playing(session, permit) = std::mem::replace(&mut self.pull, Pull::Idle) {
            self.metrics.pulls.dec();
            // Its TEARDOWN is sent from here on, and tracked by the group.
            drop(session);
            let (leaving, group) = (permit.leave(FORGOTTEN_AFTER), Arc::clone(&self.group));
            self.leaving.push(Box::pin(async move {
                session::forgotten(&group).await;
                leaving.over();
            }));
            self.key_frames.send_modify(|keys| (keys.flowing, keys.newest) = (false, None));
        }
        self.live = None;
        self.outlets.iter_mut().for_each(Outlet::restart);
    }

    fn picture(&self) -> Option<KeyPicture> {
        let live = self.live.as_ref()?;
        let (line, unit) = live.intake.cached().into_iter().next()?;
        let lead = unit.key.is_some() && line == live.origin.lead;
        lead.then(|| KeyPicture { presentation: Arc::clone(&live.origin.presentation), line, unit })
    }

    fn subscribed(&mut self, start: Start, answer: oneshot::Sender<Subscription>) {
        let cached = match (&self.live, start) {
            (Some(live), Start::Cached) => live.intake.cached(),
            _ => Vec::new(),
        };
        let origin = self.live.as_ref().map(|live| &live.origin);
        let (outlet, subscription) = Outlet::new(Arc::clone(&self.wishes.changed), origin, cached);
        self.outlets.push(outlet);
        self.metrics.subscribers.inc();
        let told = self.told;
        self.demand();
        self.obey();
        if self.told == told
            && troubled(told.0)
            && let Some(newest) = self.outlets.last_mut()
        {
            newest.state(&self.status.borrow());
        }
        // A caller that did not wait drops the subscription, and the next sweep finds it.
        let _ = answer.send(subscription);
    }

    fn demand(&mut self) {
        let before = self.outlets.len();
        self.outlets.retain(|outlet| !outlet.is_closed());
        self.metrics.subscribers.dec_by(i64::try_from(before - self.outlets.len()).unwrap_or_default());
        let warm = self.wishes.warm.load(Ordering::Acquire);
        self.handle(Input::DemandChanged(Demand { warm, subscribers: self.outlets.len() }));
    }

    fn pulled(&mut self, pulled: Pulled) {
        match pulled {
            Pulled::Admitted(Ok(permit)) => {
                let opening = session::open(Arc::clone(&self.settings), Arc::clone(&self.group), permit);
                self.pull = Pull::Opening(Box::pin(opening));
                self.handle(Input::Admitted);
            }
            Pulled::Admitted(Err(denied)) => self.failed(&denied.into()),
            Pulled::Opened(Ok(opened)) => self.opened(opened),
            Pulled::Opened(Err(NotOpened { error, presentation })) => {
                self.offered = presentation.or(self.offered.take());
                self.failed(&error);
            }
            Pulled::Item(item) => self.items(item),
            Pulled::Lost(error) => self.failed(&error),
        }
    }

    fn opened(&mut self, Opened { session, permit, presentation }: Opened) {
        self.metrics.opened.inc();
        self.metrics.pulls.inc();
        self.pull = Pull::Playing(session, permit);
        let intake = Intake::new(presentation.received(), self.settings.ring_bytes);
        let lead = presentation.received.first().copied().expect("a session without a line does not play");
        self.offered = Some(Arc::clone(&presentation));
        self.live = Some(Live { origin: Origin { presentation, lead }, intake });
        self.handle(Input::Opened);
    }

    fn failed(&mut self, error: &OpenError) {
        tracing::debug!(stream = %self.settings.label, %error, "the session failed");
        self.handle(Input::Failed(error.failure()));
    }

    /// Takes all that has arrived, with one look at the clock.
    fn items(&mut self, first: PacketItem) {
        let (now, wall_ms) = (self.clock.now(), self.clock.unix_millis());
        let mut next = Some(first);
        let mut lost = None;
        for _ in 0..BATCH {
            let Some(item) = next.take() else { break };
            self.item(now, wall_ms, &item);
            let Pull::Playing(session, _) = &mut self.pull else { break };
            match session.next().now_or_never() {
                Some(Some(Ok(item))) => next = Some(item),
                Some(Some(Err(error))) => lost = Some(session::lost(&error)),
                Some(None) => lost = Some(OpenError::Lost),
                None => {}
            }
        }
        if let Some(item) = next {
            self.item(now, wall_ms, &item);
        }
        if let Some(error) = lost {
            self.failed(&error);
        }
    }

    fn item(&mut self, now: Instant, wall_ms: i64, item: &PacketItem) {
        let Some(live) = &mut self.live else { return };
        match item {
            PacketItem::Rtp(packet) => {
                if live.intake.push(packet.stream_id(), wall_ms, packet.raw()).is_err() {
                    self.metrics.malformed.inc();
                }
                self.taken(now);
            }
            PacketItem::Rtcp(report) => {
                let line = report.stream_id();
                live.intake.rtcp(line, wall_ms, report.raw());
                if !self.outlets.is_empty() {
                    let packet = Bytes::copy_from_slice(report.raw());
                    self.outlets.iter_mut().for_each(|outlet| outlet.rtcp(line, &packet));
                }
            }
            _ => {}
        }
    }

    fn taken(&mut self, now: Instant) {
        let Some(live) = &mut self.live else { return };
        while let Some(taken) = live.intake.poll(now) {
            match taken {
                Taken::Unit { line, unit } => {
                    self.metrics.units.inc();
                    self.metrics.bytes.inc_by(unit.size as u64);
                    // Sound alone does not keep a dead picture alive.
                    if line == live.origin.lead {
                        let key = unit.key.is_some();
                        self.lifecycle.handle(now, Input::UnitArrived { key });
                        came(&self.key_frames, now, key);
                    }
                    for outlet in &mut self.outlets {
                        if outlet.unit(&live.origin, line, &unit) {
                            self.metrics.overflows.inc();
                        }
                    }
                }
                Taken::Gap { line, from, to } => {
                    self.metrics.gaps.inc();
                    missed(&self.key_frames, line == live.origin.lead);
                    self.outlets.iter_mut().for_each(|outlet| outlet.gap(&live.origin, line, from, to));
                }
                Taken::Epoch { line } => {
                    missed(&self.key_frames, line == live.origin.lead);
                    self.outlets.iter_mut().for_each(|outlet| outlet.epoch(&live.origin, line));
                }
            }
        }
        if live.intake.has_news() {
            self.publish(true);
        }
    }

    /// Tells the world what changed; `news` says that more than the state did.
    fn publish(&mut self, news: bool) {
        let now = (self.lifecycle.state(), self.lifecycle.reason().map(|reason| reason.code));
        let changed = now != self.told;
        if !changed && !news {
            return;
        }
        let before = std::mem::replace(&mut self.told, now);
        let since_ms = changed.then(|| self.clock.unix_millis());
        self.status.send_modify(|status| {
            status.state = now.0;
            status.reason = self.lifecycle.reason().cloned();
            status.since_ms = since_ms.unwrap_or(status.since_ms);
            status.presentation.clone_from(&self.offered);
            status.subscribers = self.outlets.len();
            match &self.live {
                Some(live) => live.intake.describe(status),
                None => (status.bitrate_kbps, status.fps, status.ring_bytes) = (0, 0.0, 0),
            }
        });
        if changed {
            self.transition(before);
        }
    }

    fn transition(&mut self, before: (State, Option<ReasonCode>)) {
        let status = self.status.borrow();
        let label = &self.settings.label;
        let reason = status.reason.as_ref().map_or("", |reason| reason.text.as_str());
        tracing::debug!(stream = %label, from = %before.0, to = %status.state, reason, "the source changed");
        if let (State::Resting, Some(reason)) = (status.state, &status.reason) {
            self.metrics.failures.get_or_create(&FailureLabels { reason: reason.code }).inc();
            if before.1 != Some(reason.code) {
                tracing::info!(stream = %label, reason = %reason.code, "{}", reason.text);
            }
        } else if before.1.is_some() && status.reason.is_none() && !troubled(status.state) {
            tracing::info!(stream = %label, state = %status.state, "the stream is well again");
        }
        if troubled(status.state) {
            self.outlets.iter_mut().for_each(|outlet| outlet.state(&status));
        }
    }
}

/// A picture came; told when it is a key frame, or the first of a session.
fn came(key_frames: &watch::Sender<KeyFrames>, now: Instant, key: bool) {
    key_frames.send_if_modified(|keys| {
        let news = key || !keys.flowing;
        keys.flowing = true;
        if key {
            (keys.count, keys.newest) = (keys.count + 1, Some(now));
        }
        news
    });
}

/// What came cannot be begun with any more.
fn missed(key_frames: &watch::Sender<KeyFrames>, lead: bool) {
    key_frames.send_if_modified(|keys| lead && keys.newest.take().is_some());
}

/// States in which subscribers receive nothing and are told why.
fn troubled(state: State) -> bool {
    matches!(state, State::Opening | State::Resting)
}

impl Pull {
    async fn next(&mut self) -> Pulled {
        match self {
            Self::Idle => pending().await,
            Self::Asking(asking) => Pulled::Admitted(asking.await),
            Self::Opening(opening) => Pulled::Opened(opening.await),
            Self::Playing(session, _) => match session.next().await {
                Some(Ok(item)) => Pulled::Item(item),
                Some(Err(error)) => Pulled::Lost(session::lost(&error)),
                None => Pulled::Lost(OpenError::Lost),
            },
        }
    }
}

/// One sleep that is only replaced when the deadline comes nearer: each unit moves it away.
struct Timer {
    armed: Option<Instant>,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Default for Timer {
    fn default() -> Self {
        Self { armed: None, sleep: Box::pin(pending()) }
    }
}

impl Timer {
    fn arm(&mut self, clock: Clock, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.armed.is_none_or(|armed| deadline < armed) {
            self.armed = Some(deadline);
            self.sleep = Box::pin(async move { clock.sleep_until(Some(deadline)).await });
        }
    }

    async fn fired(&mut self) {
        if self.armed.is_none() {
            pending::<()>().await;
        }
        self.sleep.as_mut().await;
        self.armed = None;
    }
}
