use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use sluice_ids::Tier;

use crate::{
    codec::{AudioCodec, VideoCodec},
    fault::Fault,
    quirk::Oddities,
};

/// What is simulated. `CamsimConfig::default()` is one live camera on a free loopback port, open to everybody.
#[derive(Debug, Clone)]
pub struct CamsimConfig {
    /// Where RTSP is served. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where faults are commanded over HTTP; loopback only. `None`: not at all.
    pub control: Option<SocketAddr>,
    /// How many cameras, numbered from 1.
    pub cameras: usize,
    /// The first words of a camera's name; its number follows.
    pub name: String,
    /// The big picture; `None`: these cameras have none.
    pub main: Option<TierConfig>,
    /// The small picture; `None`: these cameras have none.
    pub sub: Option<TierConfig>,
    /// Pictures a second, 1 to 60.
    pub fps: u32,
    /// From one key frame to the next. An encoded loop has 30 pictures in any case.
    pub gop: Duration,
    /// Sound: a beep of 100 ms at every full second of the wall clock. `None`: these cameras are deaf.
    pub audio: Option<AudioCodec>,
    /// Whether pictures are taken now or replayed.
    pub delivery: Delivery,
    /// What a session gets first.
    pub start: Start,
    /// Where VPS, SPS and PPS are told.
    pub parameter_sets: ParameterSets,
    /// How packets may travel.
    pub transport: Transport,
    /// Whether the SDP has format lines (`a=fmtp`).
    pub fmtp: bool,
    /// A DESCRIBE is answered so much later.
    pub describe_delay: Duration,
    /// How a client proves who it is.
    pub auth: Auth,
    /// The account's name.
    pub user: String,
    /// The account's password.
    pub password: String,
    /// A session ends after this long without a request or an RTCP packet of its client.
    pub session_timeout: Duration,
    /// A camera, or the recorder whose channel it is, answers 453 to a SETUP beyond this many sessions. `None`: no limit.
    pub max_sessions: Option<usize>,
    /// Whether a session without a TEARDOWN keeps its place for `session_timeout` when its connection ends.
    pub sessions_linger: bool,
    /// The ONVIF side of these cameras; `None`: they speak RTSP only.
    pub onvif: Option<OnvifConfig>,
    /// So many cameras, one after the other, are the channels of one recorder: one device at one address, with a video
    /// source for each. 1: each camera is a device by itself.
    pub channels: usize,
    /// How a client of the ONVIF side proves who it is. With [`Auth::None`] nobody is asked.
    pub onvif_auth: OnvifAuth,
    /// What is odd about the ONVIF side.
    pub oddities: Oddities,
    /// Faults that come again and again, each after so much time.
    pub repeats: Vec<(Fault, Duration)>,
    /// Cameras that differ from the rest, by number. Of theirs `listen`, `control`, `cameras`, `name`,
    /// `session_timeout`, `onvif`, `channels` and `variants` mean nothing; a recorder is as its first channel is.
    pub variants: BTreeMap<usize, CamsimConfig>,
}

impl Default for CamsimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            control: None,
            cameras: 1,
            name: "Camera".to_owned(),
            main: Some(TierConfig::sized(1280, 720)),
            sub: Some(TierConfig::sized(640, 360)),
            fps: 15,
            gop: Duration::from_secs(2),
            audio: None,
            delivery: Delivery::Live,
            start: Start::KeyFrame,
            parameter_sets: ParameterSets::Both,
            transport: Transport::Any,
            fmtp: true,
            describe_delay: Duration::ZERO,
            auth: Auth::None,
            user: "admin".to_owned(),
            password: "camera".to_owned(),
            session_timeout: Duration::from_secs(60),
            max_sessions: None,
            sessions_linger: false,
            onvif: None,
            channels: 1,
            onvif_auth: OnvifAuth::Any,
            oddities: Oddities::default(),
            repeats: Vec::new(),
            variants: BTreeMap::new(),
        }
    }
}

impl CamsimConfig {
    /// The settings of a tier, where these cameras have it.
    #[must_use]
    pub const fn tier(&self, tier: Tier) -> Option<TierConfig> {
        match tier {
            Tier::Main => self.main,
            Tier::Sub => self.sub,
            Tier::Third => None,
        }
    }

    /// Frames from one key frame to the next, at least 1.
    #[must_use]
    pub fn gop_frames(&self) -> u64 {
        ((self.gop.as_secs_f64() * f64::from(self.fps)).round() as u64).max(1)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.control.is_some_and(|control| !control.ip().is_loopback()) {
            return Err(ConfigError::ControlNotLoopback);
        }
        if self.channels == 0 {
            return Err(ConfigError::NoChannels);
        }
        if !(1..=60).contains(&self.fps) {
            return Err(ConfigError::Fps(self.fps));
        }
        for tier in [self.main, self.sub].into_iter().flatten() {
            tier.check()?;
        }
        self.variants.values().try_for_each(Self::check)
    }
}

/// One tier's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TierConfig {
    /// Pixels, even, 160 to 3840.
    pub width: usize,
    /// Pixels, even, at least a quarter of the width.
    pub height: usize,
    /// Met truthfully: pictures too small are padded with filler data, key frames to about eight times the others.
    /// `None`: what the pictures need. A replay without it carries 1,000 kbit/s.
    pub bitrate_kbps: Option<u32>,
    /// The encoded loops exist in 640x360 and 1280x720.
    pub codec: VideoCodec,
}

impl TierConfig {
    /// A picture of this size in H.264, with the bitrate it happens to need.
    #[must_use]
    pub const fn sized(width: usize, height: usize) -> Self {
        Self { width, height, bitrate_kbps: None, codec: VideoCodec::H264 }
    }

    /// The same in another codec.
    #[must_use]
    pub const fn coded(self, codec: VideoCodec) -> Self {
        Self { codec, ..self }
    }

    /// The same with a bitrate.
    #[must_use]
    pub const fn at_kbps(self, kbps: u32) -> Self {
        Self { bitrate_kbps: Some(kbps), ..self }
    }

    pub(crate) fn check(self) -> Result<(), ConfigError> {
        let Self { width, height, .. } = self;
        if self.codec.is_loop() && !LOOP_SIZES.contains(&(width, height)) {
            return Err(ConfigError::LoopSize { width, height });
        }
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if even && (160..=3840).contains(&width) && height >= width / 4 && height <= 2160 {
            Ok(())
        } else {
            Err(ConfigError::Size { width, height })
        }
    }
}

/// Where pictures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Taken and encoded while somebody watches, with name and clock.
    Live,
    /// One encoded loop, made at the start, sent to every session from its own beginning: for hundreds of cameras.
    Replay,
}

/// What a session gets first after PLAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A key frame at once.
    KeyFrame,
    /// The middle of a GOP, as of a camera that never stopped filming; the next key frame comes when it is due.
    MidGop,
}

/// How packets may travel; what else a client asks for is refused with 461.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved with the requests or over UDP, as the client likes.
    Any,
    /// Interleaved with the requests only.
    Tcp,
    /// RTP and RTCP over UDP only.
    Udp,
}

/// Where a client learns VPS, SPS and PPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterSets {
    /// In the SDP and before each key frame.
    Both,
    /// Before each key frame only.
    InBand,
    /// In the SDP only.
    Sdp,
}

/// How a client proves who it is. OPTIONS is always answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// RFC 7617.
    Basic,
    /// RFC 2617 with MD5, as nearly every camera.
    Digest,
}

/// The ONVIF side of the cameras of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnvifConfig {
    /// Where SOAP and snapshots are served. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether each device has an address of its own, as on a real network: number n the n-th behind that of `listen`,
    /// for RTSP too (`127.0.0.0/8` is all this machine). Otherwise they share one, and their paths differ.
    pub own_addresses: bool,
    /// `None`: nobody answers a WS-Discovery probe.
    pub discovery: Option<Discovery>,
}

/// Where WS-Discovery probes are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discovery {
    /// The interface that joins the group 239.255.255.250.
    pub interface: Ipv4Addr,
    /// 3702 by the standard.
    pub port: u16,
}

impl Default for Discovery {
    /// On loopback.
    fn default() -> Self {
        Self { interface: Ipv4Addr::LOCALHOST, port: 3702 }
    }
}

/// How a client of the ONVIF side proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnvifAuth {
    /// As it likes.
    Any,
    /// HTTP Digest only, as profile T wants it.
    Digest,
    /// WS-Security UsernameToken only, as older cameras.
    WsSecurity,
}

/// These cameras cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Commands without a password stay on this machine.
    #[error("the control port must be on loopback")]
    ControlNotLoopback,
    /// Recorders without a channel.
    #[error("a device has at least one channel")]
    NoChannels,
    /// Frame rate.
    #[error("{0} pictures a second; 1 to 60 are possible")]
    Fps(u32),
    /// An encoded loop of another size than there is.
    #[error("no encoded loop of {width}x{height}; there are 640x360 and 1280x720")]
    LoopSize {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },
    /// Picture size.
    #[error(
        "a picture of {width}x{height}; both must be even, the width 160 to 3840, the height not below a quarter of it"
    )]
    Size {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },
}

/// The sizes of the loops in `tests/fixtures`.
pub(crate) const LOOP_SIZES: [(usize, usize); 2] = [(640, 360), (1280, 720)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_cameras_are_refused() {
        let odd = CamsimConfig { sub: Some(TierConfig::sized(641, 360)), ..CamsimConfig::default() };
        assert_eq!(odd.check(), Err(ConfigError::Size { width: 641, height: 360 }));
        let small = TierConfig::sized(320, 180).coded(VideoCodec::H265);
        let small = CamsimConfig { sub: Some(small), ..CamsimConfig::default() };
        let variants = BTreeMap::from([(2, small)]);
        let one = CamsimConfig { variants, ..CamsimConfig::default() };
        assert_eq!(one.check(), Err(ConfigError::LoopSize { width: 320, height: 180 }));
        let fast = CamsimConfig { fps: 100, ..CamsimConfig::default() };
        assert_eq!(fast.check(), Err(ConfigError::Fps(100)));
        let open =
            CamsimConfig { control: Some(SocketAddr::from(([0, 0, 0, 0], 1))), ..CamsimConfig::default() };
        assert_eq!(open.check(), Err(ConfigError::ControlNotLoopback));
    }

    #[test]
    fn a_gop_has_at_least_one_frame() {
        let still = CamsimConfig { gop: Duration::ZERO, ..CamsimConfig::default() };
        assert_eq!(still.gop_frames(), 1);
        assert_eq!(CamsimConfig::default().gop_frames(), 30);
    }
}
