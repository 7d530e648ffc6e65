use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sluice_runtime::{Clock, TaskScope};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{
    error::{BindError, OfferError, SwitchError, TrickleError},
    frame::{AudioPacket, FeedId, FeedMedia, Frame, SessionKey},
    metrics::EngineMetrics,
    socket::UdpPort,
    task::{Ports, Task},
    tcp,
};

/// Where an engine listens and what it may hold.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where viewers' packets arrive. Port 0 lets the system choose.
    pub udp: SocketAddr,
    /// Where viewers behind UDP-hostile networks connect (ICE-TCP, passive); `None` offers no TCP.
    /// Port 0 lets the system choose.
    pub tcp: Option<SocketAddr>,
    /// The addresses offered as ICE candidates; empty means the address of `udp`, and where that is a
    /// wildcard, loopback and the address of the default route.
    pub advertised: Vec<IpAddr>,
    /// Most bytes of the newest GOP kept per feed; a longer GOP is not kept at all.
    pub gop_bytes: usize,
    /// Most viewers at one time.
    pub max_viewers: usize,
    /// How long a viewer waits for the feed it is to move to.
    pub switch_patience: Duration,
}

impl EngineConfig {
    /// An engine on `udp` and on the same port of TCP, with the usual limits.
    #[must_use]
    pub fn new(udp: SocketAddr) -> Self {
        Self {
            udp,
            tcp: Some(udp),
            advertised: Vec::new(),
            gop_bytes: GOP_BYTES,
            max_viewers: MAX_VIEWERS,
            switch_patience: SWITCH_PATIENCE,
        }
    }
}

/// What an engine tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineEvent {
    /// ICE and DTLS stand; pictures flow as soon as there are any.
    Connected(SessionKey),
    /// The viewer is gone. Not told after [`Engine::close`].
    Ended(SessionKey, EndReason),
    /// A viewer cannot be served from the cache; at most one a second for each feed.
    KeyFrameWanted(FeedId),
    /// The viewer is sent this feed from now on; the one before is not needed for it any more.
    Switched(SessionKey, FeedId),
    /// The viewer was to be sent this feed and stays with the one it has.
    Stayed(SessionKey, FeedId, SwitchError),
    /// Text that the browser sent over the data channel.
    Message(SessionKey, String),
    /// Text that the browser sent over the data channel `sluice-control`, at most 1 KiB and at most 20 a second;
    /// [`Engine::answer`] answers.
    Asked(SessionKey, String),
}

/// Why a viewer's session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The viewer closed its DTLS transport.
    Closed,
    /// Neither STUN nor RTCP came for 5 s, or the viewer never came at all.
    Silence,
    /// ICE stood, but the DTLS handshake did not end well.
    DtlsFailed,
    /// The feed turned out to be of a codec that the viewer did not offer.
    CodecUnsupported,
    /// Its state machine broke; nobody else is touched.
    Broken,
    /// The engine stopped.
    Stopped,
}

/// What a viewer is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The SDP answer.
    pub sdp: String,
    /// The ICE user name fragment of our side, which names this ICE session.
    pub ufrag: String,
}

/// Serves WebRTC viewers. A cheap handle to the one task that owns the sockets and all sessions.
#[derive(Debug, Clone)]
pub struct Engine {
    media: mpsc::Sender<(FeedId, Media)>,
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    local: SocketAddr,
    local_tcp: Option<SocketAddr>,
    metrics: EngineMetrics,
}

/// What pumps hand in, in order.
#[derive(Debug)]
pub(crate) enum Media {
    Frame(Arc<Frame>),
    Audio(Arc<AudioPacket>),
    Described(FeedMedia),
    Discontinuity,
}

#[derive(Debug)]
pub(crate) enum Command {
    Open(SessionKey, FeedId, String, oneshot::Sender<Result<Answer, OfferError>>),
    Trickle(SessionKey, String, oneshot::Sender<Result<(), TrickleError>>),
}

/// What must not be lost and need not wait: a few entries for each session and feed that existed, and one for each
/// question that was passed on.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    told: Mutex<Vec<Told>>,
    pub(crate) woken: Notify,
    cut: Mutex<HashSet<FeedId>>,
    cut_count: AtomicUsize,
}

#[derive(Debug)]
pub(crate) enum Told {
    Closed(SessionKey),
    Removed(FeedId),
    Described(FeedId, FeedMedia),
    Switch(SessionKey, FeedId),
    Answer(SessionKey, String),
}

impl Shared {
    pub(crate) fn tell(&self, told: Told) {
        let mut waiting = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Told::Switch(session, _) = &told {
            // However often a viewer is told to move before that is looked at: the last word counts.
            waiting.retain(|told| !matches!(told, Told::Switch(earlier, _) if earlier == session));
        }
        waiting.push(told);
        drop(waiting);
        self.woken.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_cut(&self, feed: FeedId) -> bool {
        self.cut_count.load(Ordering::Relaxed) > 0
            && self.cut.lock().unwrap_or_else(PoisonError::into_inner).contains(&feed)
    }

    fn set_cut(&self, feed: FeedId, is_cut: bool) {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if is_cut {
            cut.insert(feed)
        } else {
            cut.remove(&feed)
        };
        self.cut_count.store(cut.len(), Ordering::Relaxed);
    }
}

impl Engine {
    /// Opens the ports and starts the owner task in `scope`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a port is taken or may not be opened.
    pub fn bind(
        scope: &TaskScope,
        clock: Clock,
        config: EngineConfig,
        metrics: EngineMetrics,
    ) -> Result<(Self, mpsc::Receiver<EngineEvent>), BindError> {
        let udp = UdpPort::bind(config.udp).map_err(|error| BindError::Udp { address: config.udp, error })?;
        let local = udp.local_addr();
        let tcp = config
            .tcp
            .map(|address| tcp::Listener::bind(address).map_err(|error| BindError::Tcp { address, error }))
            .transpose()?;
        let local_tcp = tcp.as_ref().map(tcp::Listener::local_addr);
        let (media, media_inbox) = mpsc::channel(MEDIA_QUEUE);
        let (commands, command_inbox) = mpsc::channel(COMMAND_QUEUE);
        let (events, event_inbox) = mpsc::channel(EVENT_QUEUE);
        let shared = Arc::new(Shared::default());
        let ports = Ports {
            udp,
            tcp: tcp.map(|listener| listener.spawn(scope, clock, metrics.clone())),
            local_tcp,
            media: media_inbox,
            commands: command_inbox,
            shared: Arc::clone(&shared),
            events,
        };
        let task = Task::new(clock, config, ports, metrics.clone()).ok_or(BindError::Certificate)?;
        scope.spawn("webrtc", task.run(scope.shutdown()));
        Ok((Self { media, commands, shared, local, local_tcp, metrics }, event_inbox))
    }

    /// Hands in the next frame of a feed. Never waits: when the engine is behind by a whole queue, the feed is
    /// cut to its next key frame, and counted.
    ///
    /// A frame without payloads is nothing; one with a payload above 1,200 bytes counts as missing.
    pub fn push(&self, feed: FeedId, frame: Arc<Frame>) {
        if frame.payloads.iter().any(|payload| payload.len() > LONGEST_PAYLOAD) {
            self.metrics.frames_dropped.inc();
            self.discontinuity(feed);
            return;
        }
        if self.shared.is_cut(feed) {
            if !frame.key || self.media.try_send((feed, Media::Discontinuity)).is_err() {
                self.metrics.frames_dropped.inc();
                return;
            }
            self.shared.set_cut(feed, false);
        }
        if self.media.try_send((feed, Media::Frame(frame))).is_err() {
            self.shared.set_cut(feed, true);
            self.metrics.frames_dropped.inc();
        }
    }

    /// Says what a feed carries. May come before or after its first viewer, and again when a camera comes back as
    /// another: viewers who did not offer its codec then end with [`EndReason::CodecUnsupported`]. A feed that was
    /// never described is H.264 without sound.
    pub fn describe(&self, feed: FeedId, media: FeedMedia) {
        if self.media.try_send((feed, Media::Described(media))).is_err() {
            // What waits already is of the feed as it was; nothing but a key frame can follow it.
            self.shared.set_cut(feed, true);
            self.shared.tell(Told::Described(feed, media));
        }
    }

    /// Hands in the next sound of a feed, for the viewers who listen. Never waits: when the engine is behind by a
    /// whole queue, the packet is dropped and counted.
    pub fn push_audio(&self, feed: FeedId, packet: Arc<AudioPacket>) {
        let fits = !packet.payload.is_empty() && packet.payload.len() <= LONGEST_PAYLOAD;
        if !fits || self.media.try_send((feed, Media::Audio(packet))).is_err() {
            self.metrics.audio_dropped.inc();
        }
    }

    /// Something is missing from the feed's pictures: nothing is sent until its next key frame.
    pub fn discontinuity(&self, feed: FeedId) {
        if self.media.try_send((feed, Media::Discontinuity)).is_err() {
            self.shared.set_cut(feed, true);
        }
    }

    /// Forgets the feed's cached pictures. Viewers who are still there wait for new ones.
    pub fn remove_feed(&self, feed: FeedId) {
        self.shared.set_cut(feed, false);
        self.shared.tell(Told::Removed(feed));
    }

    /// Answers a viewer's SDP offer.
    ///
    /// # Errors
    /// When the offer has nothing that the feed is or can be, or the engine is full or has stopped.
    pub async fn open(&self, session: SessionKey, feed: FeedId, offer: String) -> Result<Answer, OfferError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Open(session, feed, offer, reply);
        self.commands.send(command).await.map_err(|_| OfferError::Stopped)?;
        answer.await.map_err(|_| OfferError::Stopped)?
    }

    /// Takes a fragment of type `application/trickle-ice-sdpfrag` (RFC 8840). Candidates are checked for form
    /// only: an ICE-lite agent learns its peers from their checks, and so needs no DNS and no mDNS.
    ///
    /// # Errors
    /// When the fragment is malformed, of another ICE session, or of no session.
    pub async fn trickle(&self, session: SessionKey, fragment: String) -> Result<(), TrickleError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Trickle(session, fragment, reply);
        self.commands.send(command).await.map_err(|_| TrickleError::Stopped)?;
        answer.await.map_err(|_| TrickleError::Stopped)?
    }

    /// Ends a session: its browser sees the DTLS transport close.
    pub fn close(&self, session: SessionKey) {
        self.shared.tell(Told::Closed(session));
    }

    /// Moves a viewer to another feed within its session, without a gap: its old feed goes on until a key frame of the
    /// new one came that is newer than all the viewer was sent. [`EngineEvent::Switched`] or [`EngineEvent::Stayed`]
    /// answers within [`EngineConfig::switch_patience`], unless the session ends before. A later call takes the place of an earlier one, which is
    /// not answered then; a call for the feed that the viewer has calls a move off.
    pub fn switch(&self, session: SessionKey, feed: FeedId) {
        self.shared.tell(Told::Switch(session, feed));
    }

    /// Answers what a viewer asked, on its channel `sluice-control`. One that is gone, or does not take its answers, gets
    /// none; that is counted.
    pub fn answer(&self, session: SessionKey, text: String) {
        self.shared.tell(Told::Answer(session, text));
    }

    /// The UDP address the engine listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The TCP address the engine listens on.
    #[must_use]
    pub fn local_tcp_addr(&self) -> Option<SocketAddr> {
        self.local_tcp
    }
}

/// The design bounds a burst at 4 MB; twice that is kept so that a long GOP can still be told apart.
const GOP_BYTES: usize = 8 << 20;
/// What every path carries, with room for headers, an extension and SRTP's tag.
const LONGEST_PAYLOAD: usize = 1_200;
/// About what two cores serve at 1 Mbit/s.
const MAX_VIEWERS: usize = 4_096;
/// A camera opened for this, its longest usual GOP of 10 s, and one more where the first key frame came too soon.
const SWITCH_PATIENCE: Duration = Duration::from_secs(30);
/// Frames and sounds that wait for the engine: 5 s of four cameras. Full: sound is dropped, a feed's pictures are
/// cut to its next key frame.
const MEDIA_QUEUE: usize = 1_024;
/// Offers and fragments that wait for the engine; callers wait when it is full.
const COMMAND_QUEUE: usize = 256;
/// Events that wait for the owner; the engine holds back ends and connects beyond it and drops the rest.
const EVENT_QUEUE: usize = 256;
