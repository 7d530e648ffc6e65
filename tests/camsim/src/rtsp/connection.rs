use std::{
    future::pending,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf as _, BytesMut};
use rtsp_types::{Message, ParseError, Request, Response};
use sluice_runtime::{Clock, Shutdown, random_bytes};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use super::{
    conversation::{Answer, Chance, Conversation, Then, bad_request},
    playing::{Event, Playing, roll},
};
use crate::{
    camera::{CameraState, Line, Site},
    fault::Faults,
    sample::Sample,
};

/// A request longer than this is no request.
const MAX_REQUEST: usize = 64 * 1024;
/// A client that does not read for this long is gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// One client, until either side ends it.
pub(super) struct Connection {
    reader: OwnedReadHalf,
    writer: Writer,
    received: BytesMut,
    conversation: Conversation,
    watched: Option<Watched>,
    playing: Option<Playing>,
    heard_at: Instant,
    timeout: Duration,
    clock: Clock,
}

struct Writer {
    half: OwnedWriteHalf,
    clock: Clock,
}

/// The camera this client asked about: its faults end the connection.
struct Watched {
    camera: Arc<CameraState>,
    faults: watch::Receiver<Faults>,
    drops: u64,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the client has closed")]
    Closed,
    #[error("the camera is told to drop its clients")]
    Dropped,
    #[error("the client kept silent for too long")]
    Silent,
    #[error("the client sends something that is no RTSP")]
    Malformed,
    #[error("the connection has failed")]
    Io(#[from] io::Error),
}

enum Happened {
    Read(usize),
    Media(Event),
}

impl Connection {
    pub(super) fn new(stream: TcpStream, site: Arc<Site>, clock: Clock) -> Self {
        // Pictures must not wait for acknowledgements; an error only costs latency.
        let _ = stream.set_nodelay(true);
        let ends = stream.local_addr().and_then(|local| Ok((local.ip(), stream.peer_addr()?.ip())));
        let (reader, half) = stream.into_split();
        let timeout = site.config.session_timeout;
        Self {
            reader,
            writer: Writer { half, clock },
            received: BytesMut::with_capacity(4 * 1024),
            conversation: Conversation::new(site, chances(), ends.ok()),
            watched: None,
            playing: None,
            heard_at: clock.now(),
            timeout,
            clock,
        }
    }

    pub(super) async fn run(mut self, shutdown: &Shutdown) {
        let end = tokio::select! { biased;
            () = shutdown.requested() => return,
            end = self.serve() => end,
        };
        if let Err(end) = end {
            if matches!(end, End::Silent)
                && let Some(watched) = self.watched.as_ref().filter(|_| self.conversation.has_session())
            {
                watched.camera.counters.timeouts.count();
            }
            tracing::debug!(reason = %sluice_fault::chain(&end), "a connection has ended");
            // Who was silent has had that time already.
            if self.conversation.lingers() && !matches!(end, End::Silent) {
                let Self { conversation, clock, timeout, .. } = self;
                tokio::select! { biased;
                    () = shutdown.requested() => {}
                    () = clock.sleep(timeout) => {}
                }
                drop(conversation);
            }
        }
    }

    async fn serve(&mut self) -> Result<(), End> {
        loop {
            let deadline = self.heard_at + self.timeout;
            let event = tokio::select! { biased;
                () = dropped(&mut self.watched) => return Err(End::Dropped),
                read = self.reader.read_buf(&mut self.received) => Happened::Read(read?),
                event = next_event(&mut self.playing) => Happened::Media(event),
                () = self.clock.sleep_until(Some(deadline)) => return Err(End::Silent),
            };
            match event {
                Happened::Read(0) => return Err(End::Closed),
                Happened::Media(Event::Heard) => self.heard_at = self.clock.now(),
                Happened::Media(Event::Sample(line, sample)) => self.send(line, &sample).await?,
                Happened::Read(_) => {
                    self.heard_at = self.clock.now();
                    self.take_messages().await?;
                }
            }
        }
    }

    async fn take_messages(&mut self) -> Result<(), End> {
        loop {
            match Message::<Vec<u8>>::parse(&self.received[..]) {
                Ok((message, length)) => {
                    self.received.advance(length);
                    if let Message::Request(request) = message {
                        self.answer(&request).await?;
                    }
                    // RTCP of the client is heard, and that is all it is for here.
                }
                Err(ParseError::Incomplete(_)) if self.received.len() < MAX_REQUEST => return Ok(()),
                Err(_) => {
                    self.writer.respond(&bad_request()).await?;
                    return Err(End::Malformed);
                }
            }
        }
    }

    async fn answer(&mut self, request: &Request<Vec<u8>>) -> Result<(), End> {
        let Answer { response, then, camera, delay } = self.conversation.handle(request);
        if let Some(camera) = camera.filter(|_| self.watched.is_none()) {
            let faults = camera.faults.subscribe();
            let drops = faults.borrow().events.drops;
            self.watched = Some(Watched { camera, faults, drops });
        }
        if !delay.is_zero() {
            tokio::select! { biased;
                () = dropped(&mut self.watched) => return Err(End::Dropped),
                () = self.clock.sleep(delay) => {}
            }
        }
        if let Some(response) = response {
            self.writer.respond(&response).await?;
        }
        match then {
            Then::GoOn => {}
            Then::Play(order) => self.playing = Playing::begin(order, self.clock).await,
            Then::StopPlaying => self.playing = None,
            Then::Close => return Err(End::Dropped),
        }
        Ok(())
    }

    async fn send(&mut self, line: Line, sample: &Sample) -> Result<(), End> {
        let Some(playing) = &mut self.playing else { return Ok(()) };
        let Some(packed) = playing.pack(line, sample, self.clock.now()) else { return Ok(()) };
        match packed.datagrams {
            Some(datagrams) => {
                datagrams.send(packed.bytes).await;
                Ok(())
            }
            None => self.writer.write(packed.bytes).await,
        }
    }
}

impl Writer {
    async fn respond(&mut self, response: &Response<Vec<u8>>) -> Result<(), End> {
        let mut bytes = Vec::new();
        response.write(&mut bytes).map_err(|_| End::Malformed)?;
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        tokio::select! { biased;
            written = self.half.write_all(bytes) => Ok(written?),
            () = self.clock.sleep(WRITE_DEADLINE) => Err(End::Silent),
        }
    }
}

/// Resolves when the watched camera drops its clients.
async fn dropped(watched: &mut Option<Watched>) {
    let Some(watched) = watched else { return pending().await };
    let drops = watched.drops;
    if watched.faults.wait_for(|faults| faults.events.drops != drops).await.is_err() {
        pending::<()>().await;
    }
}

async fn next_event(playing: &mut Option<Playing>) -> Event {
    match playing {
        Some(playing) => playing.next().await,
        None => pending().await,
    }
}

fn chances() -> Chance {
    Chance {
        nonce: hex::encode(random_bytes::<16>()),
        session: hex::encode_upper(random_bytes::<4>()),
        video: roll(),
        audio: roll(),
    }
}
