use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use quinn::{Connection, SendStream};
use sluice_ids::{DeviceId, UnixMillis};
use sluice_runtime::{Clock, TaskScope};
use sluice_wire::{CloseCode, Decoded, MessageError, control};
use tokio::sync::mpsc;

use crate::{
    endpoint::Shared,
    error::{LinkDown, StreamError},
    greet,
    metrics::LinkMetrics,
    stream::{INBOX, OUTBOX, Reader, write_all},
};

/// A control link to one device, greeted. Dropping it closes it.
#[derive(Debug)]
pub struct ControlLink {
    core: Core,
    hello: control::EdgeHello,
    inbox: mpsc::Receiver<control::ToHub>,
}

/// How a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// The round trip, smoothed.
    pub rtt: Duration,
    /// UDP datagrams that came over it since it is up; stands still when the peer is gone.
    pub received: u64,
}

impl ControlLink {
    pub(crate) fn start(
        scope: &TaskScope,
        shared: &Arc<Shared>,
        connection: Connection,
        stream: (SendStream, Reader),
        hello: control::EdgeHello,
    ) -> Self {
        let (core, inbox) = Core::start(scope, shared, connection, stream, hello.device_id, take);
        Self { core, hello, inbox }
    }

    /// Who is at the other end, by its certificate.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.core.device
    }

    /// What it said of itself.
    #[must_use]
    pub fn hello(&self) -> &control::EdgeHello {
        &self.hello
    }

    /// Where it is.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.core.connection.remote_address()
    }

    /// The next message; pings are answered on the way. `None` when the link is down. Cancel safe.
    pub async fn recv(&mut self) -> Option<control::ToHub> {
        self.inbox.recv().await
    }

    /// Sends a message. A peer that reads nothing for 256 messages loses its link.
    ///
    /// # Errors
    /// When the link is down.
    pub fn send(&self, message: &control::ToEdge) -> Result<(), LinkDown> {
        self.core.send(message.encode())
    }

    /// Ends the link.
    pub fn close(&self, code: CloseCode, text: &str) {
        greet::close(&self.core.connection, code, text);
    }

    /// Resolves when the link is down, with the reason.
    pub async fn closed(&self) -> LinkDown {
        LinkDown::new(self.core.connection.closed().await)
    }

    /// How it does.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.core.quality()
    }
}

/// A ping is answered at once; anything else goes to the owner.
fn take(bytes: &[u8], clock: &Clock) -> Result<Taken<control::ToHub>, MessageError> {
    Ok(match control::ToHub::decode(bytes)? {
        Decoded::Message(control::ToHub::Ping(ping)) => {
            Taken::Answer(control::ToEdge::Pong(pong(ping, clock)).encode())
        }
        Decoded::Message(message) => Taken::Message(message),
        Decoded::Unknown => Taken::Nothing,
    })
}

pub(crate) fn pong(ping: control::Ping, clock: &Clock) -> control::Pong {
    let now = UnixMillis(clock.unix_millis());
    control::Pong { ping_sent: ping.sent, received: now, sent: now }
}

/// What becomes of a message that came.
pub(crate) enum Taken<T> {
    Message(T),
    Answer(Bytes),
    Nothing,
}

/// What both kinds of link have: the connection, and two tasks on its control stream.
pub(crate) struct Core {
    pub(crate) connection: Connection,
    pub(crate) device: DeviceId,
    pub(crate) metrics: LinkMetrics,
    outbox: mpsc::Sender<Bytes>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn start<T: Send + 'static>(
        scope: &TaskScope,
        shared: &Arc<Shared>,
        connection: Connection,
        (send, reader): (SendStream, Reader),
        device: DeviceId,
        take: fn(&[u8], &Clock) -> Result<Taken<T>, MessageError>,
    ) -> (Self, mpsc::Receiver<T>) {
        let (outbox, written) = mpsc::channel(OUTBOX);
        let (inbox, taken) = mpsc::channel(INBOX);
        shared.metrics.opened.inc();
        let reading = Reading { reader, clock: shared.clock, outbox: outbox.clone(), inbox, take };
        let mut meter = Meter::new(connection.clone(), shared.metrics.clone());
        let (clock, shared_of_task) = (shared.clock, Arc::clone(shared));
        scope.spawn("link-stream", async move {
            let ended = {
                let streams = async {
                    tokio::select! {
                        ended = reading.run() => ended,
                        ended = write_all(send, written) => ended,
                    }
                };
                tokio::select! {
                    ended = streams => ended,
                    () = meter.run(clock) => Ok(()),
                }
            };
            if let Err(error) = ended {
                conclude(&meter.connection, &meter.metrics, device, &error);
            }
            // A link without its control stream is none.
            greet::close(&meter.connection, CloseCode::Stopping, "the control stream ended");
            meter.metrics.closed.inc();
            meter.read();
            shared_of_task.leave(device, &meter.connection);
        });
        (Self { connection, device, metrics: shared.metrics.clone(), outbox }, taken)
    }

    pub(crate) fn send(&self, message: Bytes) -> Result<(), LinkDown> {
        match self.outbox.try_send(message) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(self.down()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                greet::close(&self.connection, CloseCode::TooSlow, "the peer does not read its messages");
                Err(LinkDown::new("the peer does not read its messages"))
            }
        }
    }

    pub(crate) fn down(&self) -> LinkDown {
        match self.connection.close_reason() {
            Some(reason) => LinkDown::new(reason),
            None => LinkDown::new("its control stream ended"),
        }
    }

    pub(crate) fn quality(&self) -> Quality {
        Quality { rtt: self.connection.rtt(), received: self.connection.stats().udp_rx.datagrams }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // Without effect on a connection that is closed already.
        greet::close(&self.connection, CloseCode::Stopping, "the link is not wanted any more");
    }
}

struct Reading<T> {
    reader: Reader,
    clock: Clock,
    outbox: mpsc::Sender<Bytes>,
    inbox: mpsc::Sender<T>,
    take: fn(&[u8], &Clock) -> Result<Taken<T>, MessageError>,
}

impl<T> Reading<T> {
    async fn run(mut self) -> Result<(), StreamError> {
        loop {
            let bytes = self.reader.next().await?;
            match (self.take)(&bytes, &self.clock)? {
                Taken::Message(message) => {
                    if self.inbox.send(message).await.is_err() {
                        return Ok(());
                    }
                }
                Taken::Answer(answer) => {
                    // A full outbox closes the link when its owner sends next; a missing pong is no harm.
                    let _ = self.outbox.try_send(answer);
                }
                Taken::Nothing => {}
            }
        }
    }
}

fn conclude(connection: &Connection, metrics: &LinkMetrics, device: DeviceId, error: &StreamError) {
    match error {
        StreamError::TooLong(_) | StreamError::Message(_) | StreamError::Finished => {
            metrics.broken.inc();
            tracing::warn!(device.id = %device, error = sluice_fault::chain(error), "a peer broke the protocol");
            greet::close(connection, CloseCode::Protocol, &error.to_string());
        }
        StreamError::Read(_) | StreamError::Write(_) | StreamError::Lost(_) => {
            tracing::info!(device.id = %device, error = sluice_fault::chain(error), "a link is down");
        }
    }
}

/// Adds what the connection has carried to the counters.
struct Meter {
    connection: Connection,
    metrics: LinkMetrics,
    received: u64,
    sent: u64,
}

impl Meter {
    fn new(connection: Connection, metrics: LinkMetrics) -> Self {
        Self { connection, metrics, received: 0, sent: 0 }
    }

    async fn run(&mut self, clock: Clock) {
        loop {
            clock.sleep(METER).await;
            self.read();
        }
    }

    fn read(&mut self) {
        let stats = self.connection.stats();
        self.metrics.udp_rx_bytes.inc_by(stats.udp_rx.bytes - self.received);
        self.metrics.udp_tx_bytes.inc_by(stats.udp_tx.bytes - self.sent);
        (self.received, self.sent) = (stats.udp_rx.bytes, stats.udp_tx.bytes);
    }
}

/// How old the byte counters may be.
const METER: Duration = Duration::from_secs(1);
