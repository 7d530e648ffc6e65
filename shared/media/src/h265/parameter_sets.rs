use bytes::Bytes;

use super::{Configuration, nal::NalType, sps::Sps};
use crate::{
    DescribeError, VideoDescription,
    bits::Bits,
    sets::{MAX_SET_BYTES, Sets, keep},
};

/// The video, sequence and picture parameter sets that a stream has shown, the newest of each id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterSets {
    vps: Sets,
    sps: Sets,
    pps: Sets,
}

impl ParameterSets {
    /// Takes note of a NAL unit if it is a parameter set of the base layer; whether that changed anything.
    pub fn observe(&mut self, nal: &Bytes) -> bool {
        let Some((header, body)) = nal.split_first_chunk::<2>() else { return false };
        if nal.len() > MAX_SET_BYTES || header[0] & 1 != 0 || header[1] & 0xf8 != 0 {
            return false;
        }
        let (sets, id) = match NalType::of(header[0]) {
            NalType::Vps => (&mut self.vps, Bits::new(body).bits(4)),
            NalType::Sps => (&mut self.sps, Sps::id(body)),
            NalType::Pps => (&mut self.pps, Bits::new(body).ue_up_to(63)),
            _ => return false,
        };
        id.is_some_and(|id| keep(sets, id, nal))
    }

    /// The sequence parameter set of the lowest id, which nearly always is the only one.
    #[must_use]
    pub fn sps(&self) -> Option<&Bytes> {
        self.sps.first().map(|(_, nal)| nal)
    }

    /// All of them in the order a decoder wants: video, sequence, picture.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.vps.iter().chain(&self.sps).chain(&self.pps).map(|(_, nal)| nal)
    }

    /// Whether none has come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vps.is_empty() && self.sps.is_empty() && self.pps.is_empty()
    }

    /// What the sequence parameter set says about the pictures.
    ///
    /// # Errors
    /// When there is none, or none that can be read.
    pub fn describe(&self) -> Result<VideoDescription, DescribeError> {
        let sps = self.parsed()?;
        Ok(VideoDescription {
            codec: sps.profile.codec(),
            profile: sps.profile.name(),
            level: sps.profile.level(),
            width: sps.width,
            height: sps.height,
            fps: sps.fps,
            b_frames: sps.reorder > 0,
        })
    }

    /// The most pictures that may be sent before one that is shown earlier; 0 where sets are missing or broken.
    #[must_use]
    pub fn reorder_frames(&self) -> u32 {
        self.parsed().map_or(0, |sps| sps.reorder)
    }

    /// What a `HEVCDecoderConfigurationRecord` repeats of the sequence parameter set.
    ///
    /// # Errors
    /// When there is none, or none that can be read.
    pub fn configuration(&self) -> Result<Configuration, DescribeError> {
        Ok(self.parsed()?.configuration)
    }

    fn parsed(&self) -> Result<Sps, DescribeError> {
        let nal = self.sps().ok_or(DescribeError::Missing)?;
        Sps::read(&nal[2..]).map_err(|error| DescribeError::Malformed(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
