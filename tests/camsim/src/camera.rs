use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde::Serialize;
use sluice_ids::Tier;
use sluice_runtime::Clock;
use tokio::sync::watch;

use crate::{
    codec::{AudioCodec, VideoCodec},
    config::{CamsimConfig, Delivery},
    counters::{Counter, Counters, Counts},
    encoder::{EncodeError, EncoderSettings, ParameterSetUnits, parameter_sets},
    fault::Faults,
    live::Live,
    onvif::{CameraEvent, Events, Head, PtzStatus},
    reel::Reels,
    replay,
};

/// One camera, as every connection and every task sees it.
#[derive(Debug)]
pub(crate) struct CameraState {
    /// From 1.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) config: Arc<CamsimConfig>,
    pub(crate) faults: watch::Sender<Faults>,
    pub(crate) counters: Counters,
    pub(crate) main: Option<TierState>,
    pub(crate) sub: Option<TierState>,
    pub(crate) addresses: Addresses,
    /// Its place among the channels of a recorder, from 1; `None`: it is a device by itself.
    pub(crate) channel: Option<usize>,
    pub(crate) head: Mutex<Head>,
    pub(crate) device: Arc<DeviceState>,
}

/// Where a camera is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) rtsp: SocketAddr,
    /// Its ONVIF side.
    pub(crate) http: Option<SocketAddr>,
    /// Whether they are its own.
    pub(crate) own: bool,
}

/// A device of its own: a camera, or a recorder with all its channels.
#[derive(Debug, Default)]
pub(crate) struct DeviceState {
    /// From 1.
    pub(crate) number: usize,
    /// What it calls itself; who it is follows from that.
    pub(crate) name: String,
    /// Sessions of all its channels at this moment.
    pub(crate) sessions: Counter,
    pub(crate) events: Events,
}

/// One tier of a camera.
#[derive(Debug)]
pub(crate) struct TierState {
    /// May change while it runs.
    settings: watch::Sender<EncoderSettings>,
    live: Arc<Live>,
    key_wishes: Arc<AtomicU64>,
    replays: bool,
}

/// Where a session's pictures come from.
#[derive(Debug)]
pub(crate) enum Footage {
    Live(Arc<Live>),
    Loop(Reels),
}

impl TierState {
    pub(crate) fn new(settings: EncoderSettings, delivery: Delivery) -> Self {
        let replays = delivery == Delivery::Replay;
        let settings = if replays { replay::settings(settings) } else { settings };
        Self {
            settings: watch::Sender::new(settings),
            live: Arc::new(Live::new()),
            key_wishes: Arc::default(),
            replays,
        }
    }

    pub(crate) fn settings(&self) -> EncoderSettings {
        *self.settings.borrow()
    }

    /// What is asked of the encoder while the camera has these faults.
    pub(crate) fn settings_with(&self, faults: &Faults) -> EncoderSettings {
        let settings = self.settings();
        let resizes = faults.resized && (settings.tier.codec.is_loop() || !self.replays);
        if resizes { replay::resized(settings) } else { settings }
    }

    /// Takes effect at once in running sessions, except for codec and frame rate: these are for the next sessions.
    pub(crate) fn set(&self, settings: EncoderSettings) {
        self.settings.send_replace(settings);
    }

    pub(crate) const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    pub(crate) fn parameter_sets(&self, faults: &Faults) -> Result<ParameterSetUnits, EncodeError> {
        parameter_sets(self.settings_with(faults))
    }

    /// Where pictures come from now. Takes seconds of CPU the first time a replay of H.264 is asked for.
    pub(crate) fn footage(&self) -> Result<Footage, EncodeError> {
        let settings = self.settings();
        if !self.replays && !settings.tier.codec.is_loop() {
            return Ok(Footage::Live(Arc::clone(&self.live)));
        }
        let usual = replay::reel(settings)?;
        let other = settings.tier.codec.is_loop().then(|| replay::reel(replay::resized(settings)));
        let key_wishes = Arc::clone(&self.key_wishes);
        Ok(Footage::Loop(Reels { usual, resized: other.transpose()?, key_wishes }))
    }

    /// The next picture of every session is a key frame.
    pub(crate) fn wish_key_frame(&self) {
        self.live.wish_key_frame();
        self.key_wishes.fetch_add(1, Relaxed);
    }
}

impl CameraState {
    pub(crate) const fn tier(&self, tier: Tier) -> Option<&TierState> {
        match tier {
            Tier::Main => self.main.as_ref(),
            Tier::Sub => self.sub.as_ref(),
            Tier::Third => None,
        }
    }

    pub(crate) fn tell(&self, event: CameraEvent) {
        self.device.events.tell(self.channel, event, self.clock_s(Clock::system()));
    }

    /// Names something of its own at its device: as it is, or of a recorder's second channel with `_2` behind it.
    pub(crate) fn token(&self, what: &str) -> String {
        token(self.channel, what)
    }

    pub(crate) fn wish_key_frame(&self) {
        for tier in [&self.main, &self.sub].into_iter().flatten() {
            tier.wish_key_frame();
        }
    }

    pub(crate) fn ptz(&self) -> PtzStatus {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).status(Clock::system().now())
    }

    pub(crate) fn password(&self) -> String {
        self.faults.borrow().password.clone().unwrap_or_else(|| self.config.password.clone())
    }

    /// Seconds since 1970 on its own clock, which may be off.
    pub(crate) fn clock_s(&self, clock: Clock) -> i64 {
        clock.unix_millis().div_euclid(1_000) + self.clock_off_s()
    }

    pub(crate) fn clock_off_s(&self) -> i64 {
        self.config.oddities.clock_off_s + self.faults.borrow().clock_off
    }

    pub(crate) fn status(&self) -> CameraStatus {
        let codec = |tier: &TierState| tier.settings().tier.codec;
        CameraStatus {
            number: self.index,
            name: self.name.clone(),
            main: self.main.as_ref().map(codec).map(VideoCodec::word),
            sub: self.sub.as_ref().map(codec).map(VideoCodec::word),
            audio: self.config.audio.map(AudioCodec::word),
            ptz: self.ptz(),
            faults: self.faults.borrow().words(),
            counts: self.counters.read(),
        }
    }
}

/// Names something of a channel at its device.
pub(crate) fn token(channel: Option<usize>, what: &str) -> String {
    channel.map_or_else(|| what.to_owned(), |channel| format!("{what}_{channel}"))
}

/// How a camera is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraStatus {
    /// From 1, as in its path.
    pub number: usize,
    /// As in its picture.
    pub name: String,
    /// Codec of the big picture.
    pub main: Option<&'static str>,
    /// Codec of the small picture.
    pub sub: Option<&'static str>,
    /// Codec of the sound.
    pub audio: Option<&'static str>,
    /// Where its head looks.
    pub ptz: PtzStatus,
    /// The faults it has now, in the words of the control port.
    pub faults: Vec<&'static str>,
    /// What it did so far.
    pub counts: Counts,
}

/// All cameras of this process, and where they are reached.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: Arc<CamsimConfig>,
    pub(crate) cameras: Vec<Arc<CameraState>>,
}

/// One of the lines of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Line {
    Video,
    Audio,
}

impl Line {
    pub(crate) const fn track(self) -> &'static str {
        match self {
            Self::Video => "track1",
            Self::Audio => "track2",
        }
    }
}

/// What a path names.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) camera: Arc<CameraState>,
    pub(crate) tier: Tier,
    /// `None`: the stream as a whole.
    pub(crate) line: Option<Line>,
}

impl Site {
    /// The stream or line of a path such as `/cam/1/sub` or `/cam/1/sub/track1`.
    pub(crate) fn target(&self, path: &str) -> Option<Target> {
        let mut parts = path.trim_matches('/').split('/');
        if parts.next() != Some("cam") {
            return None;
        }
        let camera = Arc::clone(self.camera(parts.next()?.parse().ok()?)?);
        let tier = parts.next()?.parse().ok()?;
        camera.tier(tier)?;
        let line = match (parts.next(), parts.next()) {
            (None, None) => None,
            (Some("track1"), None) => Some(Line::Video),
            (Some("track2"), None) if camera.config.audio.is_some() => Some(Line::Audio),
            _ => return None,
        };
        Some(Target { camera, tier, line })
    }

    /// The cameras of each device.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &[Arc<CameraState>]> {
        self.cameras.chunks(self.config.channels.max(1))
    }

    /// Device `number`, from 1.
    pub(crate) fn device(&self, number: usize) -> Option<&[Arc<CameraState>]> {
        self.devices().nth(number.checked_sub(1)?)
    }

    /// Camera `number`, from 1.
    pub(crate) fn camera(&self, number: usize) -> Option<&Arc<CameraState>> {
        self.cameras.get(number.checked_sub(1)?)
    }
}
