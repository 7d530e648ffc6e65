use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use quinn::{Connection, ReadError, RecvStream, SendStream};
use sluice_ids::DeviceId;
use sluice_runtime::{Clock, TaskScope};
use sluice_wire::{
    CloseCode, Decoded, MessageError, media,
    roq::{self, FRAME_CANCELLED},
};
use tokio::sync::mpsc;

use crate::{
    endpoint::Shared,
    error::{LinkDown, UnitError},
    greet,
    link::{Core, Quality, Taken, pong},
    metrics::LinkMetrics,
    stream::Reader,
};

/// A media link from one device, greeted. Dropping it closes it.
pub struct MediaLink {
    core: Core,
    hello: media::EdgeHello,
    inbox: mpsc::Receiver<media::FromEdge>,
    reads: FuturesUnordered<BoxFuture<'static, (u64, Result<roq::Unit, UnitError>)>>,
    unfinished: Arc<AtomicUsize>,
}

/// What comes over a media link.
#[derive(Debug)]
pub enum MediaEvent {
    /// A message of the control stream.
    Message(media::FromEdge),
    /// An access unit that came whole. Units may overtake each other.
    Unit {
        /// Counts the media streams of this link in the order in which the sender opened them, from 0.
        index: u64,
        /// What it carried.
        unit: roq::Unit,
    },
}

/// An access unit whose stream has been opened by the sender.
struct IncomingUnit {
    stream: RecvStream,
    unfinished: Arc<AtomicUsize>,
    held: usize,
    metrics: LinkMetrics,
}

impl fmt::Debug for MediaLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaLink").field("device", &self.core.device).finish_non_exhaustive()
    }
}

impl MediaLink {
    pub(crate) fn start(
        scope: &TaskScope,
        shared: &Arc<Shared>,
        connection: Connection,
        stream: (SendStream, Reader),
        hello: media::EdgeHello,
    ) -> Self {
        let (core, inbox) = Core::start(scope, shared, connection, stream, hello.device_id, take);
        Self { core, hello, inbox, reads: FuturesUnordered::new(), unfinished: Arc::default() }
    }

    /// Who is at the other end, by its certificate.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.core.device
    }

    /// What it said of itself.
    #[must_use]
    pub fn hello(&self) -> &media::EdgeHello {
        &self.hello
    }

    /// Where it is.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.core.connection.remote_address()
    }

    /// What comes next; pings are answered on the way. Cancel safe.
    ///
    /// # Errors
    /// When the link is down, also because the peer broke the protocol.
    pub async fn next(&mut self) -> Result<MediaEvent, LinkDown> {
        loop {
            tokio::select! { biased;
                message = self.inbox.recv() => {
                    return message.map(MediaEvent::Message).ok_or_else(|| self.core.down());
                }
                Some((index, read)) = self.reads.next(), if !self.reads.is_empty() => match read {
                    Ok(unit) => return Ok(MediaEvent::Unit { index, unit }),
                    // The sender says in a gap what will not come.
                    Err(UnitError::Cancelled) => {}
                    Err(UnitError::Down(down)) => return Err(down),
                    Err(broken @ (UnitError::Broken(_) | UnitError::TooMuch)) => return Err(self.broken(&broken)),
                },
                stream = self.core.connection.accept_uni() => self.read(stream.map_err(LinkDown::new)?),
            }
        }
    }

    fn read(&self, stream: RecvStream) {
        let (unfinished, metrics) = (Arc::clone(&self.unfinished), self.core.metrics.clone());
        let index = stream.id().index();
        let unit = IncomingUnit { stream, unfinished, held: 0, metrics };
        self.reads.push(async move { (index, unit.read().await) }.boxed());
    }

    fn broken(&self, error: &UnitError) -> LinkDown {
        self.core.metrics.broken.inc();
        let error = sluice_fault::chain(error);
        tracing::warn!(device.id = %self.core.device, error, "a peer broke the protocol");
        self.close(CloseCode::Protocol, &error);
        LinkDown::new(error)
    }

    /// Sends a message. A peer that reads nothing for 256 messages loses its link.
    ///
    /// # Errors
    /// When the link is down.
    pub fn send(&self, message: &media::FromNode) -> Result<(), LinkDown> {
        self.core.send(message.encode())
    }

    /// Ends the link.
    pub fn close(&self, code: CloseCode, text: &str) {
        greet::close(&self.core.connection, code, text);
    }

    /// How it does.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.core.quality()
    }
}

impl IncomingUnit {
    /// Reads the unit to its end.
    async fn read(mut self) -> Result<roq::Unit, UnitError> {
        let mut decoder = roq::Decoder::new();
        loop {
            match self.stream.read_chunk(PIECE, true).await {
                Ok(Some(piece)) => {
                    self.hold(piece.bytes.len())?;
                    decoder.push(&piece.bytes)?;
                }
                Ok(None) => {
                    let unit = decoder.finish()?;
                    self.metrics.media_streams.inc();
                    self.metrics.media_bytes.inc_by(self.held as u64);
                    return Ok(unit);
                }
                Err(ReadError::Reset(_)) => {
                    self.metrics.media_cancelled.inc();
                    return Err(UnitError::Cancelled);
                }
                Err(lost) => return Err(LinkDown::new(lost).into()),
            }
        }
    }

    fn hold(&mut self, bytes: usize) -> Result<(), UnitError> {
        self.held += bytes;
        let all = self.unfinished.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all > UNFINISHED {
            let _ = self.stream.stop(quinn::VarInt::from_u32(FRAME_CANCELLED));
            return Err(UnitError::TooMuch);
        }
        Ok(())
    }
}

impl Drop for IncomingUnit {
    fn drop(&mut self) {
        self.unfinished.fetch_sub(self.held, Ordering::Relaxed);
    }
}

/// A ping is answered at once; anything else goes to the owner.
fn take(bytes: &[u8], clock: &Clock) -> Result<Taken<media::FromEdge>, MessageError> {
    Ok(match media::FromEdge::decode(bytes)? {
        Decoded::Message(media::FromEdge::Ping(ping)) => {
            Taken::Answer(media::FromNode::Pong(pong(ping, clock)).encode())
        }
        Decoded::Message(message) => Taken::Message(message),
        Decoded::Unknown => Taken::Nothing,
    })
}

/// How much is read at once.
const PIECE: usize = 256 * 1024;
/// What one link may hold in units that have not come whole: eight of the largest.
const UNFINISHED: usize = 8 * roq::MAX_UNIT;
