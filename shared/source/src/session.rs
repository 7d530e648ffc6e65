//! One RTSP session: DESCRIBE, SETUP of the video and the audio line, PLAY, each with a limit of its own.

use std::{future::Future, sync::Arc, time::Duration};

use retina::client::{
    Credentials as Login, Described, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions,
    Playing, Session, SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions, TeardownPolicy,
    Transport as Carrier, UdpTransportOptions, UnassignedChannelDataPolicy,
};
use sluice_fault::{Class, Classed};
use sluice_guardian::{Denied, Permit, Refusal, Verdict};

use crate::{
    lifecycle::{Failure, Retry},
    presentation::{Line, LineKind, Presentation, fmtp, without_control},
    settings::{Settings, Transport},
    status::{Reason, ReasonCode},
};

/// A session that plays.
pub(crate) struct Opened {
    pub(crate) session: Box<Session<Playing>>,
    /// Of the guardian; it counts until the session was torn down.
    pub(crate) permit: Permit,
    /// Names the lines that are received.
    pub(crate) presentation: Arc<Presentation>,
}

/// Why no session plays, and what the camera offered, if it came that far.
pub(crate) struct NotOpened {
    pub(crate) error: OpenError,
    pub(crate) presentation: Option<Arc<Presentation>>,
}

/// The steps of a session that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Describe,
    Setup,
    Play,
    Receive,
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the camera does not answer {step} within {} s", limit.as_secs())]
    Silent { step: Step, limit: Duration },
    #[error("no connection to the camera: {0}")]
    Connect(String),
    #[error("the camera closed the connection")]
    Lost,
    #[error("the camera refuses the user or the password")]
    Refused,
    #[error("the camera asks for a user and a password, and none is set")]
    CredentialsMissing,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("the camera refuses a password that works, while it serves other sessions: it has none left")]
    Crowded,
    #[error("the camera answers {step} with {status}")]
    Status { step: Step, status: u16 },
    #[error("the stream has neither video nor audio")]
    NoMedia,
    #[error("the camera sends {0}, which cannot be delivered")]
    Codec(String),
    #[error("the camera breaks the protocol at {step}: {what}")]
    Protocol { step: Step, what: String },
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Describe => "DESCRIBE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Receive => "media",
        })
    }
}

/// Connect and up to two round trips (the second with the password); cameras wake slowly.
const DESCRIBE_WITHIN: Duration = Duration::from_secs(8);
const SETUP_WITHIN: Duration = Duration::from_secs(5);
const PLAY_WITHIN: Duration = Duration::from_secs(8);
/// Cameras with few sessions count one until its TEARDOWN is answered.
const TEARDOWN_WITHIN: Duration = Duration::from_secs(2);

/// Makes a session play. Waits first for the teardown of an earlier one of `group`.
pub(crate) async fn open(
    settings: Arc<Settings>,
    group: Arc<SessionGroup>,
    permit: Permit,
) -> Result<Opened, NotOpened> {
    torn_down(&group).await;
    match play(&settings, group).await {
        Ok((session, presentation)) => {
            permit.opened();
            Ok(Opened { session, permit, presentation })
        }
        Err(NotOpened { error, presentation }) => {
            let verdict = permit.refused(error.refusal());
            Err(NotOpened { error: error.judged(verdict), presentation })
        }
    }
}

async fn play(
    settings: &Settings,
    group: Arc<SessionGroup>,
) -> Result<(Box<Session<Playing>>, Arc<Presentation>), NotOpened> {
    let mut session = describe(settings, group).await?;
    let mut presentation = presentation(&session);
    let set_up = set_up(settings, &mut session, &mut presentation).await;
    let presentation = Arc::new(presentation);
    let offered = |error| NotOpened { error, presentation: Some(Arc::clone(&presentation)) };
    set_up.map_err(offered)?;
    // RTP-Info of several cameras names a sequence number that never comes, and of others no time at all.
    let options = PlayOptions::default()
        .initial_seq(InitialSequenceNumberPolicy::Ignore)
        .initial_timestamp(InitialTimestampPolicy::Ignore);
    let session = within(Step::Play, PLAY_WITHIN, session.play(options)).await.map_err(offered)?;
    Ok((Box::new(session), presentation))
}

/// Asks for each line that can be delivered, and enters those that the camera gives.
async fn set_up(
    settings: &Settings,
    session: &mut Session<Described>,
    presentation: &mut Presentation,
) -> Result<(), OpenError> {
    let mut transport = settings.transport;
    for line in choose(presentation)? {
        let mut asked = ask(session, line, transport).await;
        if matches!(asked, Err(OpenError::Status { status: UNSUPPORTED_TRANSPORT, .. }))
            && transport == Transport::Tcp
            && presentation.received.is_empty()
        {
            tracing::debug!(stream = %settings.label, "the camera sends by UDP only");
            transport = Transport::Udp;
            asked = ask(session, line, transport).await;
        }
        match asked {
            Ok(()) => presentation.received.push(line),
            // A camera that refuses its sound still has a picture.
            Err(OpenError::Status { status, .. }) if !presentation.received.is_empty() => {
                tracing::debug!(stream = %settings.label, line, status, "the camera refuses a line that it offers");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// RFC 2326 §11.3.14.
const UNSUPPORTED_TRANSPORT: u16 = 461;

async fn ask(session: &mut Session<Described>, line: usize, transport: Transport) -> Result<(), OpenError> {
    let options = SetupOptions::default().transport(match transport {
        Transport::Tcp => Carrier::Tcp(TcpTransportOptions::default()),
        Transport::Udp => Carrier::Udp(UdpTransportOptions::default()),
    });
    within(Step::Setup, SETUP_WITHIN, session.setup(line, options)).await
}

/// Waits, not for long, until no session of `group` is half closed.
pub(crate) async fn torn_down(group: &SessionGroup) {
    // A camera that does not answer TEARDOWN forgets the session with its connection.
    let _ = tokio::time::timeout(TEARDOWN_WITHIN, group.await_teardown()).await;
}

/// Waits until the camera knows that every session of `group` is over, or has forgotten it.
pub(crate) async fn forgotten(group: &SessionGroup) {
    let stale = group.stale_sessions();
    group.await_stale_sessions(&stale).await;
}

/// What a playing session's error means.
pub(crate) fn lost(error: &retina::Error) -> OpenError {
    classed(Step::Receive, error)
}

async fn describe(settings: &Settings, group: Arc<SessionGroup>) -> Result<Session<Described>, OpenError> {
    let login = settings
        .credentials
        .as_ref()
        .map(|found| Login { username: found.username.clone(), password: found.password.expose().clone() });
    let asked = login.is_some();
    let options = SessionOptions::default()
        .creds(login)
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")).to_owned())
        .session_group(group)
        // A camera with few sessions counts one that was lost without a goodbye until its time is up.
        .teardown(TeardownPolicy::Always)
        .unassigned_channel_data(UnassignedChannelDataPolicy::Auto);
    let describe = Session::describe(settings.url.clone(), options);
    within(Step::Describe, DESCRIBE_WITHIN, describe).await.map_err(|error| match error {
        OpenError::Refused if !asked => OpenError::CredentialsMissing,
        error => error,
    })
}

async fn within<T>(
    step: Step,
    limit: Duration,
    request: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, OpenError> {
    match tokio::time::timeout(limit, request).await {
        Ok(answer) => answer.map_err(|error| classed(step, &error)),
        Err(_) => Err(OpenError::Silent { step, limit }),
    }
}

/// retina's errors carry a status or a text. The text goes no further than its first words,
/// because what follows may quote the URL.
fn classed(step: Step, error: &retina::Error) -> OpenError {
    match error.status_code() {
        Some(401 | 403) => return OpenError::Refused,
        Some(200) | None => {}
        Some(status) => return OpenError::Status { step, status },
    }
    let text = error.to_string();
    if let Some(cause) = text.strip_prefix("Unable to connect to RTSP server: ") {
        return OpenError::Connect(cause.lines().next().unwrap_or_default().to_owned());
    }
    if text.starts_with("Error reading from RTSP peer") || text.starts_with("Error writing to RTSP peer") {
        return OpenError::Lost;
    }
    let first = text.lines().next().unwrap_or_default();
    let what = first.split("rtsp://").next().unwrap_or_default().chars().take(120).collect();
    OpenError::Protocol { step, what }
}

fn presentation(session: &Session<Described>) -> Presentation {
    let sdp = String::from_utf8_lossy(session.sdp());
    let lines = session.streams().iter().enumerate().filter_map(|(index, stream)| {
        let kind = match stream.media() {
            "video" => LineKind::Video,
            "audio" => LineKind::Audio,
            _ => return None,
        };
        Some(Line {
            index,
            kind,
            encoding: stream.encoding_name().to_ascii_uppercase(),
            payload_type: stream.rtp_payload_type(),
            clock_rate: stream.clock_rate_hz(),
            fmtp: fmtp(&sdp, kind, stream.rtp_payload_type()),
        })
    });
    Presentation { lines: lines.collect(), sdp: without_control(&sdp), received: Vec::new() }
}

/// The first video line that can be delivered, then the first audio line that can. A stream whose pictures cannot is
/// refused, however good its sound.
fn choose(presentation: &Presentation) -> Result<Vec<usize>, OpenError> {
    let of = |kind| presentation.lines.iter().filter(move |line| line.kind == kind);
    let usable = |kind| of(kind).find(|line| line.codec().is_some() && line.clock_rate > 0);
    let chosen: Vec<usize> =
        [LineKind::Video, LineKind::Audio].into_iter().filter_map(usable).map(|line| line.index).collect();
    let offered = of(LineKind::Video).chain(of(LineKind::Audio)).next().ok_or(OpenError::NoMedia)?;
    if usable(offered.kind).is_none() {
        return Err(OpenError::Codec(offered.encoding.clone()));
    }
    Ok(chosen)
}

impl From<OpenError> for NotOpened {
    fn from(error: OpenError) -> Self {
        Self { error, presentation: None }
    }
}

impl OpenError {
    pub(crate) fn code(&self) -> ReasonCode {
        match self {
            Self::Silent { .. } | Self::Connect(_) | Self::Lost | Self::Denied(Denied::Busy) => {
                ReasonCode::Unreachable
            }
            Self::Refused | Self::CredentialsMissing | Self::Denied(Denied::Locked) => {
                ReasonCode::WrongPassword
            }
            Self::Crowded | Self::Denied(Denied::Exhausted { .. }) => ReasonCode::SessionsExhausted,
            // RFC 2326 §7.1.1: 453 Not Enough Bandwidth is what cameras say when their sessions are used up.
            Self::Status { status: 453 | 503, .. } => ReasonCode::SessionsExhausted,
            Self::Status { status: 404 | 410, .. } => ReasonCode::NotFound,
            Self::NoMedia | Self::Codec(_) => ReasonCode::UnsupportedCodec,
            Self::Status { .. } | Self::Protocol { .. } => ReasonCode::ProtocolError,
        }
    }

    /// What the guardian makes of it.
    fn refusal(&self) -> Refusal {
        match self {
            Self::Refused => Refusal::Auth,
            // RFC 2326 §7.1.1: 453 Not Enough Bandwidth.
            Self::Status { status: 453 | 503, .. } => Refusal::Sessions,
            _ => Refusal::Other,
        }
    }

    /// The same, knowing what the guardian knows of the camera.
    fn judged(self, verdict: Verdict) -> Self {
        match (&self, verdict) {
            (Self::Refused, Verdict::Exhausted) => Self::Crowded,
            (Self::Refused, Verdict::Wrong { locked: true }) => Self::Denied(Denied::Locked),
            _ => self,
        }
    }

    /// What it means to the lifecycle.
    pub(crate) fn failure(&self) -> Failure {
        let retry = match self {
            Self::Denied(Denied::Locked) => Retry::Never,
            _ => Retry::Backoff,
        };
        Failure { reason: Reason { code: self.code(), text: self.words() }, retry }
    }

    fn words(&self) -> String {
        match self.code() {
            ReasonCode::SessionsExhausted if matches!(self, Self::Status { .. }) => {
                "the camera has no session left to give".to_owned()
            }
            ReasonCode::NotFound => "the camera knows no stream at this address".to_owned(),
            _ => self.to_string(),
        }
    }
}

impl Classed for OpenError {
    fn class(&self) -> Class {
        match self.code() {
            ReasonCode::WrongPassword | ReasonCode::NotFound | ReasonCode::UnsupportedCodec => Class::Reject,
            _ => Class::Retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(index: usize, kind: LineKind, encoding: &str) -> Line {
        let encoding = encoding.to_owned();
        Line { index, kind, encoding, payload_type: 96, clock_rate: 90_000, fmtp: String::new() }
    }

    fn offer(lines: Vec<Line>) -> Presentation {
        Presentation { sdp: String::new(), lines, received: Vec::new() }
    }

    #[test]
    fn the_first_lines_that_can_be_delivered_are_pulled_the_picture_first() {
        let lines = vec![
            line(0, LineKind::Audio, "G726-32"),
            line(1, LineKind::Audio, "PCMU"),
            line(2, LineKind::Video, "JPEG"),
            line(3, LineKind::Video, "H265"),
            line(4, LineKind::Video, "H264"),
        ];
        assert_eq!(choose(&offer(lines)).unwrap(), [3, 1]);
        assert_eq!(choose(&offer(vec![line(2, LineKind::Video, "H264")])).unwrap(), [2]);
    }

    #[test]
    fn a_stream_of_sound_alone_is_pulled() {
        let lines = vec![line(0, LineKind::Audio, "MPEG4-GENERIC")];
        assert_eq!(choose(&offer(lines)).unwrap(), [0]);
    }

    #[test]
    fn a_codec_that_nobody_can_carry_is_named_even_beside_good_sound() {
        for (lines, named) in [
            (vec![line(0, LineKind::Video, "JPEG"), line(1, LineKind::Audio, "PCMU")], "JPEG"),
            (vec![line(0, LineKind::Video, "MP4V-ES")], "MP4V-ES"),
            (vec![line(0, LineKind::Audio, "G726-32")], "G726-32"),
        ] {
            let error = choose(&offer(lines)).unwrap_err();
            assert_eq!(error.code(), ReasonCode::UnsupportedCodec);
            assert!(error.to_string().contains(named), "{error}");
        }
        assert_eq!(choose(&offer(Vec::new())).unwrap_err().code(), ReasonCode::UnsupportedCodec);
    }

    #[test]
    fn a_secret_that_is_locked_is_not_tried_again_and_a_crowded_camera_is() {
        let judged = |verdict| OpenError::Refused.judged(verdict).failure();
        assert_eq!(judged(Verdict::Wrong { locked: false }).retry, Retry::Backoff);
        assert_eq!(judged(Verdict::Wrong { locked: true }).retry, Retry::Never);
        let crowded = judged(Verdict::Exhausted);
        assert_eq!((crowded.retry, crowded.reason.code), (Retry::Backoff, ReasonCode::SessionsExhausted));
        assert_eq!(OpenError::CredentialsMissing.failure().retry, Retry::Backoff);
    }

    #[test]
    fn statuses_have_words() {
        let failure = |status| OpenError::Status { step: Step::Play, status }.failure();
        assert_eq!(failure(453).reason.code, ReasonCode::SessionsExhausted);
        assert_eq!(failure(404).reason.code, ReasonCode::NotFound);
        assert_eq!(failure(461).reason.text, "the camera answers PLAY with 461");
    }
}
