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
    sync::{broadcast, watch},
};

use super::conversation::{Answer, Chance, Conversation, Order, Then, bad_request};
use crate::{
    camera::{CameraState, Footage, Site},
    config::Start,
    fault::Faults,
    packets::RtpStream,
    replay::Cursor,
    sample::Sample,
};

/// A request longer than this is no request.
const MAX_REQUEST: usize = 64 * 1024;
/// A client that does not read for this long is gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// RFC 3550 §6.2: the least time between reports.
const REPORT_EVERY: Duration = Duration::from_secs(5);

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

/// A session that is sent media.
struct Playing {
    camera: Arc<CameraState>,
    media: Media,
    faults: watch::Receiver<Faults>,
    rtp: RtpStream,
    gate: Gate,
    report_at: Instant,
    buffer: BytesMut,
}

enum Media {
    Live(broadcast::Receiver<Sample>),
    Replay(Cursor),
}

/// Which pictures may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// None before a key frame.
    KeyFrame,
    /// None before one that is not a key frame: the middle of a GOP.
    MidGop,
    Open,
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

enum Event {
    Read(usize),
    Sample(Sample),
}

impl Connection {
    pub(super) fn new(stream: TcpStream, site: Arc<Site>, clock: Clock) -> Self {
        // Pictures must not wait for acknowledgements; an error only costs latency.
        let _ = stream.set_nodelay(true);
        let (reader, half) = stream.into_split();
        let timeout = site.config.session_timeout;
        Self {
            reader,
            writer: Writer { half, clock },
            received: BytesMut::with_capacity(4 * 1024),
            conversation: Conversation::new(site, roll()),
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
        }
    }

    async fn serve(&mut self) -> Result<(), End> {
        loop {
            let deadline = self.heard_at + self.timeout;
            let event = tokio::select! { biased;
                () = dropped(&mut self.watched) => return Err(End::Dropped),
                read = self.reader.read_buf(&mut self.received) => Event::Read(read?),
                sample = next_sample(&mut self.playing) => Event::Sample(sample),
                () = self.clock.sleep_until(Some(deadline)) => return Err(End::Silent),
            };
            match event {
                Event::Read(0) => return Err(End::Closed),
                Event::Read(_) => {
                    self.heard_at = self.clock.now();
                    self.take_messages().await?;
                }
                Event::Sample(sample) => self.send(&sample).await?,
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
        let Answer { response, then, camera } = self.conversation.handle(request);
        if let Some(camera) = camera.filter(|_| self.watched.is_none()) {
            let faults = camera.faults.subscribe();
            let drops = faults.borrow().drops;
            self.watched = Some(Watched { camera, faults, drops });
        }
        if let Some(response) = response {
            self.writer.respond(&response).await?;
        }
        match then {
            Then::GoOn => {}
            Then::Play(order) => self.playing = Playing::begin(&order, self.clock),
            Then::StopPlaying => self.playing = None,
            Then::Close => return Err(End::Dropped),
        }
        Ok(())
    }

    async fn send(&mut self, sample: &Sample) -> Result<(), End> {
        let Some(playing) = &mut self.playing else { return Ok(()) };
        if !playing.admit(sample) {
            return Ok(());
        }
        playing.pack(sample, self.clock.now());
        // Counted first: who has received a picture finds it counted.
        let counters = &playing.camera.counters;
        counters.bytes.add(playing.buffer.len() as u64);
        counters.frames.count();
        counters.key_frames.add(u64::from(sample.picture.key));
        self.writer.write(&playing.buffer).await
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

impl Playing {
    fn begin(order: &Order, clock: Clock) -> Option<Self> {
        let camera = Arc::clone(&order.camera);
        let start = camera.config.start;
        let media = match &camera.tier(order.tier)?.footage {
            Footage::Live(live) => Media::Live(live.subscribe(start)),
            Footage::Replay(reel) => Media::Replay(Cursor::new(Arc::clone(reel), clock, start)),
        };
        camera.counters.playing.count();
        Some(Self {
            media,
            faults: camera.faults.subscribe(),
            camera,
            rtp: RtpStream::new(order.channel, order.ssrc, order.sequence, order.timestamp),
            gate: if start == Start::KeyFrame { Gate::KeyFrame } else { Gate::MidGop },
            report_at: clock.now(),
            buffer: BytesMut::new(),
        })
    }

    async fn next(&mut self) -> Sample {
        match &mut self.media {
            Media::Replay(cursor) => cursor.next(&self.faults).await,
            Media::Live(samples) => loop {
                match samples.recv().await {
                    Ok(sample) => return sample,
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        self.camera.counters.dropped.add(missed);
                        self.gate = Gate::KeyFrame;
                    }
                    Err(broadcast::error::RecvError::Closed) => pending().await,
                }
            },
        }
    }

    fn admit(&mut self, sample: &Sample) -> bool {
        let faults = self.faults.borrow();
        if faults.stalled {
            return false;
        }
        if faults.key_frames_withheld {
            return !sample.picture.key;
        }
        let passes = match self.gate {
            Gate::KeyFrame => sample.picture.key,
            Gate::MidGop => !sample.picture.key,
            Gate::Open => true,
        };
        if passes {
            self.gate = Gate::Open;
        }
        passes
    }

    fn pack(&mut self, sample: &Sample, now: Instant) {
        self.buffer.clear();
        if now >= self.report_at {
            self.report_at = now + REPORT_EVERY;
            self.rtp.write_report(sample, &mut self.buffer);
        }
        self.rtp.write(sample, &mut self.buffer);
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.camera.counters.playing.release();
    }
}

/// Resolves when the watched camera drops its clients.
async fn dropped(watched: &mut Option<Watched>) {
    let Some(watched) = watched else { return pending().await };
    let drops = watched.drops;
    if watched.faults.wait_for(|faults| faults.drops != drops).await.is_err() {
        pending::<()>().await;
    }
}

async fn next_sample(playing: &mut Option<Playing>) -> Sample {
    match playing {
        Some(playing) => playing.next().await,
        None => pending().await,
    }
}

fn roll() -> Chance {
    let word = || u32::from_be_bytes(random_bytes());
    Chance {
        nonce: hex::encode(random_bytes::<16>()),
        session: format!("{:08X}", word()),
        ssrc: word(),
        sequence: u16::from_be_bytes(random_bytes()),
        timestamp: word(),
    }
}
