use bytes::Bytes;

use super::{Configuration, nal::NalType, sps::Sps};
use crate::{
    DescribeError, VideoDescription,
    bits::Bits,
    sets::{MAX_SET_BYTES, Sets, keep, sprop},
};

/// The sequence and picture parameter sets that a stream has shown, the newest of each id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterSets {
    sps: Sets,
    pps: Sets,
}

/// Why an SDP's `sprop-parameter-sets` is not that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpropError {
    /// One of its parts is not base64.
    #[error("part {0} of sprop-parameter-sets is not base64")]
    Base64(usize),
    /// It holds no parameter set.
    #[error("sprop-parameter-sets holds no parameter set")]
    Empty,
}

impl ParameterSets {
    /// From the SDP's `sprop-parameter-sets` (RFC 6184 §8.1): NAL units in base64 with commas between them.
    ///
    /// # Errors
    /// When a part is not base64, or none is a parameter set.
    pub fn from_sprop(value: &str) -> Result<Self, SpropError> {
        let mut sets = Self::default();
        for (n, nal) in sprop(value).enumerate() {
            sets.observe(&nal.ok_or(SpropError::Base64(n))?);
        }
        if sets.is_empty() { Err(SpropError::Empty) } else { Ok(sets) }
    }

    /// Takes note of a NAL unit if it is a parameter set; whether that changed anything.
    pub fn observe(&mut self, nal: &Bytes) -> bool {
        let Some((header, body)) = nal.split_first() else { return false };
        if nal.len() > MAX_SET_BYTES {
            return false;
        }
        match NalType::of(*header) {
            // The id follows profile, constraints and level.
            NalType::Sps => {
                body.get(3..).and_then(first_number).is_some_and(|id| keep(&mut self.sps, id, nal))
            }
            NalType::Pps => first_number(body).is_some_and(|id| keep(&mut self.pps, id, nal)),
            _ => false,
        }
    }

    /// The sequence parameter set of the lowest id, which nearly always is the only one.
    #[must_use]
    pub fn sps(&self) -> Option<&Bytes> {
        self.sps.first().map(|(_, nal)| nal)
    }

    /// The picture parameter set of the lowest id.
    #[must_use]
    pub fn pps(&self) -> Option<&Bytes> {
        self.pps.first().map(|(_, nal)| nal)
    }

    /// All of them in the order a decoder wants: sequence before picture.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.sps.iter().chain(&self.pps).map(|(_, nal)| nal)
    }

    /// Whether none has come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sps.is_empty() && self.pps.is_empty()
    }

    /// What the sequence parameter set says about the pictures.
    ///
    /// # Errors
    /// When there is none, or none that can be read.
    pub fn describe(&self) -> Result<VideoDescription, DescribeError> {
        self.parsed()?.describe()
    }

    /// The most pictures that may be sent before one that is shown earlier; 0 where sets are missing or broken.
    #[must_use]
    pub fn reorder_frames(&self) -> u32 {
        self.parsed().map_or(0, |sps| sps.reorder_frames())
    }

    /// What an `AVCDecoderConfigurationRecord` repeats of the sequence parameter set.
    ///
    /// # Errors
    /// When there is none, or none that can be read.
    pub fn configuration(&self) -> Result<Configuration, DescribeError> {
        Ok(self.parsed()?.configuration())
    }

    fn parsed(&self) -> Result<Sps, DescribeError> {
        Sps::read(self.sps().ok_or(DescribeError::Missing)?)
    }
}

fn first_number(body: &[u8]) -> Option<u32> {
    Bits::new(body).ue()
}

#[cfg(test)]
mod tests;
