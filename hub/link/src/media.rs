use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

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
#[derive(Debug)]
pub struct MediaLink {
    core: Core,
    hello: media::EdgeHello,
    inbox: mpsc::Receiver<media::FromEdge>,
    unfinished: Arc<AtomicUsize>,
}

/// An access unit whose stream has been opened by the sender.
#[derive(Debug)]
pub struct IncomingUnit {
    stream: RecvStream,
    unfinished: Arc<AtomicUsize>,
    held: usize,
    metrics: LinkMetrics,
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
        Self { core, hello, inbox, unfinished: Arc::default() }
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

    /// The next message; pings are answered on the way. `None` when the link is down. Cancel safe.
    pub async fn recv(&mut self) -> Option<media::FromEdge> {
        self.inbox.recv().await
    }

    /// Sends a message. A peer that reads nothing for 256 messages loses its link.
    ///
    /// # Errors
    /// When the link is down.
    pub fn send(&self, message: &media::FromNode) -> Result<(), LinkDown> {
        self.core.send(message.encode())
    }

    /// The next access unit that begins to come, in the order in which the sender opened them. Cancel safe.
    ///
    /// # Errors
    /// When the link is down.
    pub async fn accept_unit(&self) -> Result<IncomingUnit, LinkDown> {
        let stream = self.core.connection.accept_uni().await.map_err(LinkDown::new)?;
        let (unfinished, metrics) = (Arc::clone(&self.unfinished), self.core.metrics.clone());
        Ok(IncomingUnit { stream, unfinished, held: 0, metrics })
    }

    /// Ends the link.
    pub fn close(&self, code: CloseCode, text: &str) {
        greet::close(&self.core.connection, code, text);
    }

    /// Why the link is down, or that its control stream is.
    #[must_use]
    pub fn down(&self) -> LinkDown {
        self.core.down()
    }

    /// How it does.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.core.quality()
    }
}

impl IncomingUnit {
    /// Counts the media streams of this link in the order in which the sender opened them, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.stream.id().index()
    }

    /// Reads the unit to its end.
    ///
    /// # Errors
    /// When the sender gives it up, when its bytes are not what they should be, or when the link goes down.
    pub async fn read(mut self) -> Result<roq::Unit, UnitError> {
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
