use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sluice_ids::UnixMillis;
use sluice_runtime::{Backoff, Shutdown};
use sluice_wire::{
    CloseCode, Decoded,
    control::{
        Answer, CameraEvent, Desired, EdgeHello, FailureCode, Found, Ping, Pong, Reported, ToEdge, ToHub,
    },
    frame,
};
use tokio::sync::{mpsc, watch};

use crate::{
    connection::{self, Greeted},
    error::StreamError,
    orders::{Begun, Orders, failed},
    report::Reporting,
    stream::write_all,
    uplink::Common,
};

/// Keeps one link to control.
pub(crate) struct ControlTask {
    common: Common,
    address: SocketAddr,
    hello: EdgeHello,
    desired: watch::Sender<Option<Desired>>,
    upstream: Upstream,
    reporting: Reporting,
}

/// What the rest of the program has for control.
pub(crate) struct Upstream {
    pub(crate) reports: watch::Receiver<Reported>,
    pub(crate) found: watch::Receiver<Arc<Found>>,
    pub(crate) events: mpsc::Receiver<CameraEvent>,
}

/// What belongs to one link.
struct Link {
    outbox: mpsc::Sender<Bytes>,
    orders: Orders,
    answers: mpsc::Sender<Answer>,
    /// When what was found is told; `None` while it is known.
    found_due: Option<Instant>,
    found_sent: Option<Instant>,
}

impl ControlTask {
    pub(crate) fn new(
        common: Common,
        address: SocketAddr,
        hello: EdgeHello,
        desired: watch::Sender<Option<Desired>>,
        upstream: Upstream,
    ) -> Self {
        Self { common, address, hello, desired, upstream, reporting: Reporting::default() }
    }

    pub(crate) async fn run(mut self) {
        let shutdown = self.common.scope.shutdown();
        let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        let mut told = String::new();
        while !shutdown.is_requested() {
            self.common.metrics.dials.inc();
            let dialled = tokio::select! {
                () = shutdown.requested() => break,
                dialled = connection::dial_control(&self.common.dialer, self.address, self.hello.clone(), DIAL) => dialled,
            };
            let trouble = match dialled {
                Ok(link) => {
                    backoff.reset();
                    self.serve(link, &shutdown).await
                }
                Err(error) => {
                    self.common.metrics.dials_failed.inc();
                    sluice_fault::chain(&error)
                }
            };
            if shutdown.is_requested() {
                break;
            }
            // The same failure is told once, however often it repeats.
            if told != trouble {
                tracing::warn!(trouble, "the link to control is down");
                told.clone_from(&trouble);
            }
            let now = self.now();
            self.common.board.control(|status| status.fall(now, trouble));
            tokio::select! {
                () = shutdown.requested() => break,
                () = self.common.clock.sleep(backoff.roll()) => {}
            }
        }
    }

    /// Until the link is down; says why.
    async fn serve(&mut self, link: Greeted, shutdown: &Shutdown) -> String {
        let Greeted { connection, mut send, mut reader, hello } = link;
        tracing::info!(hub = hello.version, "the link to control is up");
        let rtt = millis(connection.rtt());
        let now = self.now();
        self.common.board.control(|status| status.rise(now, &hello.version, rtt));
        self.reporting.reset();
        let (outbox, mut written) = mpsc::channel::<Bytes>(OUTBOX);
        let (answers, mut answered) = mpsc::channel::<Answer>(OUTBOX);
        let clock = self.common.clock;
        let mut link = Link::new(outbox, answers, clock.now());
        // What happened while nobody was told stays untold.
        while self.upstream.events.try_recv().is_ok() {}
        let (mut ping_at, mut deaf_at) = (clock.now() + PING, None);
        let mut writer = std::pin::pin!(write_all(&mut send, &mut written));
        let error = loop {
            let due = self.reporting.due(clock.now(), &self.upstream.reports.borrow());
            tokio::select! { biased;
                () = shutdown.requested() => break None,
                error = &mut writer => break Some(error),
                message = reader.next() => {
                    deaf_at = None;
                    ping_at = clock.now() + PING;
                    match message.and_then(|bytes| Ok(ToEdge::decode(&bytes)?)) {
                        Ok(Decoded::Message(message)) => self.obey(message, &mut link),
                        Ok(Decoded::Unknown) => {}
                        Err(error) => break Some(error),
                    }
                    let rtt = millis(connection.rtt());
                    self.common.board.control(|status| status.rtt_ms = Some(rtt));
                }
                Some(answer) = answered.recv() => {
                    // An answer may be about what was just found, which would wait for its turn.
                    if link.found_due.is_some() || self.upstream.found.has_changed().unwrap_or(false) {
                        self.found(&mut link);
                    }
                    link.answer(answer);
                }
                () = clock.sleep_until(link.orders.deadline()) => link.overdue(clock.now()),
                Some(event) = self.upstream.events.recv() => self.event(event, &link),
                Ok(()) = self.upstream.found.changed() => link.found_something(clock.now()),
                () = clock.sleep_until(link.found_due) => self.found(&mut link),
                Ok(()) = self.upstream.reports.changed() => {}
                () = clock.sleep_until(due) => self.report(&link.outbox),
                () = clock.sleep_until(Some(ping_at)) => {
                    let now = clock.now();
                    ping_at = now + PING;
                    deaf_at.get_or_insert(now + DEAF);
                    let _ = link.outbox.try_send(ToHub::Ping(Ping { sent: self.now() }).encode());
                }
                () = clock.sleep_until(deaf_at) => break Some(StreamError::Silent),
            }
        };
        let Some(error) = error else {
            connection::close(&connection, CloseCode::Stopping, "the edge stops");
            return String::new();
        };
        let words = error.words(&connection);
        connection::close(&connection, error.code(), &words);
        words
    }

    fn obey(&self, message: ToEdge, link: &mut Link) {
        match message {
            ToEdge::Desired(desired) => {
                tracing::info!(
                    generation = desired.generation,
                    cameras = desired.cameras.len(),
                    "desired state came"
                );
                self.desired.send_replace(Some(desired));
            }
            ToEdge::Keyframe { camera, tier } => self.common.catalogue.request_key_frame(camera, tier),
            ToEdge::Ping(ping) => {
                let now = self.now();
                let pong = Pong { ping_sent: ping.sent, received: now, sent: now };
                // A missing answer is asked for again.
                let _ = link.outbox.try_send(ToHub::Pong(pong).encode());
            }
            // Both only show that the hub is there.
            ToEdge::Pong(_) | ToEdge::Hello(_) => {}
            ToEdge::Order(order) => match link.orders.begin(self.common.clock.now(), order.number) {
                Begun::New => self.common.catalogue.order(order, link.answers.clone()),
                Begun::UnderWay => {}
                Begun::Busy => {
                    let text = "too many orders are being carried out";
                    link.tell(&ToHub::Answer(failed(order.number, FailureCode::Busy, text)));
                }
            },
        }
    }

    fn event(&self, event: CameraEvent, link: &Link) {
        self.common.metrics.events.inc();
        link.tell(&ToHub::Event(event));
    }

    /// Tells everything that was found, as far as it fits one message.
    fn found(&mut self, link: &mut Link) {
        let now = self.common.clock.now();
        (link.found_due, link.found_sent) = (None, Some(now));
        let mut found = Found::clone(&self.upstream.found.borrow_and_update());
        let mut bytes = ToHub::Found(found.clone()).encode();
        while bytes.len() > frame::MAX_CONTROL && !found.cameras.is_empty() {
            let keep = found.cameras.len() * 3 / 4;
            let cut = u32::try_from(found.cameras.len() - keep).unwrap_or(u32::MAX);
            found.cameras.truncate(keep);
            found.left_out = found.left_out.saturating_add(cut);
            bytes = ToHub::Found(found.clone()).encode();
        }
        // What does not fit the queue is told with the next change; the link is about to be given up anyway.
        let _ = link.outbox.try_send(bytes);
    }

    fn report(&mut self, outbox: &mpsc::Sender<Bytes>) {
        let current = self.upstream.reports.borrow_and_update().clone();
        let bytes = ToHub::Reported(current.clone()).encode();
        let length = bytes.len();
        if outbox.try_send(bytes).is_ok() {
            self.common.metrics.reports.inc();
        }
        // A report that did not fit is followed by the next change; the link is about to be given up anyway.
        self.reporting.sent(self.common.clock.now(), &current, length);
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(self.common.clock.unix_millis())
    }
}

impl Link {
    fn new(outbox: mpsc::Sender<Bytes>, answers: mpsc::Sender<Answer>, now: Instant) -> Self {
        Self { outbox, orders: Orders::default(), answers, found_due: Some(now), found_sent: None }
    }

    fn found_something(&mut self, now: Instant) {
        let earliest = self.found_sent.map_or(now, |sent| now.max(sent + FOUND_EVERY));
        self.found_due.get_or_insert(earliest);
    }

    fn answer(&mut self, answer: Answer) {
        if self.orders.end(answer.number) {
            self.tell(&ToHub::Answer(answer));
        }
    }

    fn overdue(&mut self, now: Instant) {
        while let Some(answer) = self.orders.overdue(now) {
            self.tell(&ToHub::Answer(answer));
        }
    }

    fn tell(&self, message: &ToHub) {
        // Who waits for an answer that does not fit waits no longer than the link lives.
        let _ = self.outbox.try_send(message.encode());
    }
}

pub(crate) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// A handshake over a satellite with one packet lost takes 3 s.
const DIAL: Duration = Duration::from_secs(8);
/// Keeps the address translation of a mobile network open, and an idle link below 200 bit/s.
const PING: Duration = Duration::from_secs(20);
/// A ping that is not answered for so long is not answered any more.
const DEAF: Duration = Duration::from_secs(12);
/// Findings that follow each other fast go together: a site of a hundred cameras is some 60 KiB.
const FOUND_EVERY: Duration = Duration::from_secs(2);
/// Messages that wait to be written; more mean that the link is dead.
const OUTBOX: usize = 96;
