//! Sound: what a line's SDP says about it, and the frames in its units.
//!
//! AAC comes as `mpeg4-generic` (RFC 3640) or `MP4A-LATM` (RFC 6416), both of which tell their
//! AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1) in the SDP; G.711 and Opus need nothing but their names.

mod config;
mod generic;
mod latm;
mod opus;
mod specific;

use bytes::Bytes;
pub use config::AudioConfig;

use crate::{AccessUnit, Codec};

/// One frame of sound, as a decoder takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    /// Unrolled ticks of the line's clock.
    pub timestamp: i64,
    /// Ticks of the line's clock.
    pub duration: u32,
    /// Raw AAC without ADTS, one Opus packet, or G.711 samples.
    pub data: Bytes,
}

/// Why a line of sound cannot be understood, or a unit of it not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// Pictures are no sound.
    #[error("{0} is no sound")]
    NoSound(Codec),
    /// Without it nobody can decode AAC.
    #[error("the sdp has no config parameter")]
    ConfigMissing,
    /// Its `config` is sent in the stream only (`cpresent=1`), which nothing here reads.
    #[error("the latm configuration is sent in the stream and not in the sdp")]
    ConfigInBand,
    /// The `config` parameter makes no sense.
    #[error("the config parameter is malformed: {0}")]
    Config(&'static str),
    /// An audio object type that is not AAC, or one that no decoder of ours knows.
    #[error("audio object type {0} is not supported")]
    ObjectType(u8),
    /// A form of payload that is allowed and that no camera is known to send.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// The unit ends within a frame, or a fragment of it did not come.
    #[error("the unit ends within a frame")]
    Incomplete,
    /// The unit's lengths contradict each other.
    #[error("the unit is malformed: {0}")]
    Malformed(&'static str),
}

/// The frames of one unit of the line that `config` describes, in order.
///
/// # Errors
/// When the unit is not as its RFC lays it out, or a part of it is missing. The next unit is not affected.
pub fn frames(config: &AudioConfig, unit: &AccessUnit) -> Result<Vec<AudioFrame>, AudioError> {
    match config.codec {
        Codec::Aac => {
            Ok(config.in_sequence(unit.timestamp, generic::frames(config.headers(), &unit.packets)?))
        }
        Codec::Latm => Ok(config.in_sequence(unit.timestamp, latm::frames(config.mux(), &unit.packets)?)),
        Codec::Pcmu | Codec::Pcma => Ok(one_by_one(unit, |data| u32::try_from(data.len()).ok())),
        Codec::Opus => Ok(one_by_one(unit, opus::ticks)),
        codec => Err(AudioError::NoSound(codec)),
    }
}

/// Each payload is a frame. An empty one says nothing.
fn one_by_one(unit: &AccessUnit, duration: impl Fn(&[u8]) -> Option<u32>) -> Vec<AudioFrame> {
    let mut timestamp = unit.timestamp;
    let mut frames = Vec::with_capacity(unit.packets.len());
    for data in unit.packets.iter().map(crate::RtpPacket::payload) {
        let Some(duration) = duration(&data).filter(|duration| *duration > 0) else { continue };
        frames.push(AudioFrame { timestamp, duration, data });
        timestamp = timestamp.saturating_add(i64::from(duration));
    }
    frames
}

#[cfg(test)]
mod tests;
