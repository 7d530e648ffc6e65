use bytes::Bytes;

use crate::{Codec, DescribeError, VideoDescription, fmtp, h264, h265, sets::sprop};

/// The parameter sets that a stream of either video codec has shown, the newest of each id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoSets {
    codec: Codec,
    sets: Sets,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Sets {
    H264(h264::ParameterSets),
    H265(h265::ParameterSets),
    /// Sound has none.
    None,
}

impl VideoSets {
    /// Those in the format parameters of an SDP, as far as they can be read: `sprop-parameter-sets` (RFC 6184
    /// §8.1), `sprop-vps`, `sprop-sps` and `sprop-pps` (RFC 7798 §7.1). Many cameras send them only there.
    #[must_use]
    pub fn from_fmtp(codec: Codec, fmtp: &str) -> Self {
        let (sets, names): (_, &[&str]) = match codec {
            Codec::H264 => (Sets::H264(h264::ParameterSets::default()), &["sprop-parameter-sets"]),
            Codec::H265 => {
                (Sets::H265(h265::ParameterSets::default()), &["sprop-vps", "sprop-sps", "sprop-pps"])
            }
            _ => (Sets::None, &[]),
        };
        let mut sets = Self { codec, sets };
        for value in names.iter().filter_map(|name| fmtp::parameter(fmtp, name)) {
            for nal in sprop(value).flatten() {
                sets.observe(&nal);
            }
        }
        sets
    }

    /// Whose sets these are.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes note of a NAL unit if it is a parameter set; whether that changed anything. A stream that changes
    /// its resolution tells so here.
    pub fn observe(&mut self, nal: &Bytes) -> bool {
        match &mut self.sets {
            Sets::H264(sets) => sets.observe(nal),
            Sets::H265(sets) => sets.observe(nal),
            Sets::None => false,
        }
    }

    /// All of them in the order a decoder wants: video, sequence, picture.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        let (avc, hevc) = match &self.sets {
            Sets::H264(sets) => (Some(sets.iter()), None),
            Sets::H265(sets) => (None, Some(sets.iter())),
            Sets::None => (None, None),
        };
        avc.into_iter().flatten().chain(hevc.into_iter().flatten())
    }

    /// Whether none has come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// What the sequence parameter set says about the pictures.
    ///
    /// # Errors
    /// When there is none, or none that can be read.
    pub fn describe(&self) -> Result<VideoDescription, DescribeError> {
        match &self.sets {
            Sets::H264(sets) => sets.describe(),
            Sets::H265(sets) => sets.describe(),
            Sets::None => Err(DescribeError::Missing),
        }
    }

    /// The most pictures that may be sent before one that is shown earlier. 0 where sets are missing or broken;
    /// the most that a decoder has to hold where an H.264 stream leaves it open.
    #[must_use]
    pub fn reorder_frames(&self) -> u32 {
        match &self.sets {
            Sets::H264(sets) => sets.reorder_frames(),
            Sets::H265(sets) => sets.reorder_frames(),
            Sets::None => 0,
        }
    }

    /// What an `AVCDecoderConfigurationRecord` repeats of the sequence parameter set.
    ///
    /// # Errors
    /// When there is none, none that can be read, or the codec is not H.264.
    pub fn avc(&self) -> Result<h264::Configuration, DescribeError> {
        let Sets::H264(sets) = &self.sets else { return Err(DescribeError::Missing) };
        sets.configuration()
    }

    /// What a `HEVCDecoderConfigurationRecord` repeats of the sequence parameter set.
    ///
    /// # Errors
    /// When there is none, none that can be read, or the codec is not H.265.
    pub fn hevc(&self) -> Result<h265::Configuration, DescribeError> {
        let Sets::H265(sets) = &self.sets else { return Err(DescribeError::Missing) };
        sets.configuration()
    }

    /// Puts in front of a key frame's NAL units whichever kind of parameter set the camera did not.
    pub fn complete(&self, nals: &mut Vec<Bytes>) {
        let rank = |nal: &Bytes| self.rank(nal);
        let present: Vec<u8> = nals.iter().filter_map(rank).collect();
        for kind in [VPS, SPS, PPS].into_iter().filter(|kind| !present.contains(kind)) {
            let absent: Vec<Bytes> = self.iter().filter(|nal| rank(nal) == Some(kind)).cloned().collect();
            // A delimiter stays first and a set before those that refer to it (H.264 §7.4.1.2.3, H.265 §7.4.2.4.4).
            let earlier = |nal: &&Bytes| rank(nal).is_some_and(|rank| rank < kind);
            let at = nals.iter().take_while(earlier).count();
            nals.splice(at..at, absent);
        }
    }

    /// Where a NAL unit stands in front of a picture: delimiter, video, sequence, picture parameter set.
    fn rank(&self, nal: &Bytes) -> Option<u8> {
        let header = *nal.first()?;
        match self.codec {
            Codec::H264 => match h264::NalType::of(header) {
                h264::NalType::Delimiter => Some(DELIMITER),
                h264::NalType::Sps => Some(SPS),
                h264::NalType::Pps => Some(PPS),
                _ => None,
            },
            _ => match h265::NalType::of(header) {
                h265::NalType::Delimiter => Some(DELIMITER),
                h265::NalType::Vps => Some(VPS),
                h265::NalType::Sps => Some(SPS),
                h265::NalType::Pps => Some(PPS),
                _ => None,
            },
        }
    }
}

const DELIMITER: u8 = 0;
const VPS: u8 = 1;
const SPS: u8 = 2;
const PPS: u8 = 3;

#[cfg(test)]
mod tests;
