use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use sluice_wire::frame;
use tokio::sync::mpsc;

use crate::error::StreamError;

/// Messages of a control stream that wait to be written; more mean a peer that reads nothing.
pub(crate) const OUTBOX: usize = 256;
/// Messages that wait to be taken by the link's owner; the stream's flow control holds the rest back.
pub(crate) const INBOX: usize = 256;

/// The reading half of a control stream.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: RecvStream,
    decoder: frame::Decoder,
}

impl Reader {
    pub(crate) fn new(stream: RecvStream, longest: usize) -> Self {
        Self { stream, decoder: frame::Decoder::new(longest) }
    }

    /// The next message's bytes. Cancel safe: a piece that came is kept.
    pub(crate) async fn next(&mut self) -> Result<Bytes, StreamError> {
        loop {
            if let Some(message) = self.decoder.poll()? {
                return Ok(message);
            }
            match self.stream.read_chunk(PIECE, true).await? {
                Some(piece) => self.decoder.push(&piece.bytes),
                None => return Err(StreamError::Finished),
            }
        }
    }
}

/// Writes messages until the sender is dropped or the stream breaks.
pub(crate) async fn write_all(
    mut stream: SendStream,
    mut outbox: mpsc::Receiver<Bytes>,
) -> Result<(), StreamError> {
    while let Some(message) = outbox.recv().await {
        write(&mut stream, &message).await?;
    }
    Ok(())
}

pub(crate) async fn write(stream: &mut SendStream, message: &[u8]) -> Result<(), StreamError> {
    Ok(stream.write_chunk(frame::encode(message)).await?)
}

/// How much is read at once.
const PIECE: usize = 64 * 1024;
