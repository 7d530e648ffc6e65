use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use sluice_ids::UnixMillis;
use sluice_runtime::{Backoff, Shutdown};
use sluice_wire::{
    CloseCode, Decoded,
    control::{
        Answer, Desired, EdgeHello, Failure, FailureCode, Outcome, Ping, Pong, Reported, ToEdge, ToHub,
    },
};
use tokio::sync::{mpsc, watch};

use crate::{
    connection::{self, Greeted},
    error::StreamError,
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
    reports: watch::Receiver<Reported>,
    reporting: Reporting,
}

impl ControlTask {
    pub(crate) fn new(
        common: Common,
        address: SocketAddr,
        hello: EdgeHello,
        desired: watch::Sender<Option<Desired>>,
        reports: watch::Receiver<Reported>,
    ) -> Self {
        Self { common, address, hello, desired, reports, reporting: Reporting::default() }
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
        let clock = self.common.clock;
        let (mut ping_at, mut deaf_at) = (clock.now() + PING, None);
        let mut writer = std::pin::pin!(write_all(&mut send, &mut written));
        let error = loop {
            let due = self.reporting.due(clock.now(), &self.reports.borrow());
            tokio::select! { biased;
                () = shutdown.requested() => break None,
                error = &mut writer => break Some(error),
                message = reader.next() => {
                    deaf_at = None;
                    ping_at = clock.now() + PING;
                    match message.and_then(|bytes| Ok(ToEdge::decode(&bytes)?)) {
                        Ok(Decoded::Message(message)) => self.obey(message, &outbox),
                        Ok(Decoded::Unknown) => {}
                        Err(error) => break Some(error),
                    }
                    let rtt = millis(connection.rtt());
                    self.common.board.control(|status| status.rtt_ms = Some(rtt));
                }
                Ok(()) = self.reports.changed() => {}
                () = clock.sleep_until(due) => self.report(&outbox),
                () = clock.sleep_until(Some(ping_at)) => {
                    let now = clock.now();
                    ping_at = now + PING;
                    deaf_at.get_or_insert(now + DEAF);
                    let _ = outbox.try_send(ToHub::Ping(Ping { sent: self.now() }).encode());
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

    fn obey(&self, message: ToEdge, outbox: &mpsc::Sender<Bytes>) {
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
                let _ = outbox.try_send(ToHub::Pong(pong).encode());
            }
            // Both only show that the hub is there.
            ToEdge::Pong(_) | ToEdge::Hello(_) => {}
            ToEdge::Order(order) => {
                let text = "this build of the edge carries out no orders".to_owned();
                let outcome = Outcome::Failed(Failure { code: FailureCode::NotSupported, text });
                let _ = outbox.try_send(ToHub::Answer(Answer { number: order.number, outcome }).encode());
            }
        }
    }

    fn report(&mut self, outbox: &mpsc::Sender<Bytes>) {
        let current = self.reports.borrow_and_update().clone();
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
/// Messages that wait to be written; more mean that the link is dead.
const OUTBOX: usize = 32;
