use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use sluice_wire::frame;
use tokio::sync::mpsc;

use crate::error::StreamError;

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

/// Writes messages until the stream breaks.
pub(crate) async fn write_all(stream: &mut SendStream, outbox: &mut mpsc::Receiver<Bytes>) -> StreamError {
    while let Some(message) = outbox.recv().await {
        if let Err(error) = write(stream, &message).await {
            return error;
        }
    }
    StreamError::Finished
}

pub(crate) async fn write(stream: &mut SendStream, message: &[u8]) -> Result<(), StreamError> {
    Ok(stream.write_chunk(frame::encode(message)).await?)
}

/// How much is read at once.
const PIECE: usize = 64 * 1024;
