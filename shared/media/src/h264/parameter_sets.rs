use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use h264_reader::{
    nal::sps::{PicOrderCntType, SeqParameterSet, SpsError},
    rbsp::{BitRead, BitReader, BitReaderError, ByteReader, Integer, Primitive},
};

use super::nal::NalType;
use crate::VideoDescription;

/// The sequence and picture parameter sets that a stream has shown, the newest of each id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterSets {
    sps: Vec<(u32, Bytes)>,
    pps: Vec<(u32, Bytes)>,
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

/// Why a stream cannot be described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// None has come yet.
    #[error("no sequence parameter set has come")]
    Missing,
    /// It came and makes no sense.
    #[error("sequence parameter set is malformed: {0}")]
    Malformed(String),
}

impl ParameterSets {
    /// From the SDP's `sprop-parameter-sets` (RFC 6184 §8.1): NAL units in base64 with commas between them.
    ///
    /// # Errors
    /// When a part is not base64, or none is a parameter set.
    pub fn from_sprop(sprop: &str) -> Result<Self, SpropError> {
        let mut sets = Self::default();
        for (n, part) in sprop.split(',').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
            let nal = BASE64.decode(part).map_err(|_| SpropError::Base64(n))?;
            sets.observe(&Bytes::from(nal));
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
        let nal = self.sps().ok_or(DescribeError::Missing)?;
        let malformed = |error: SpsError| DescribeError::Malformed(format!("{error:?}"));
        // Cameras that write nonsense behind the picture's size still have a size.
        let sps = read(nal, true).or_else(|_| read(nal, false)).map_err(malformed)?;
        let (width, height) = sps.pixel_dimensions().map_err(malformed)?;
        Ok(VideoDescription {
            codec: format!("avc1.{:02x}{:02x}{:02x}", nal[1], nal[2], nal[3]),
            profile: profile(nal[1], nal[2]),
            level: level(nal[1], nal[2], nal[3]),
            width,
            height,
            fps: sps.fps().filter(|fps| (0.1..=1_000.0).contains(fps)),
            b_frames: may_reorder(&sps, nal[1], nal[2]),
        })
    }
}

/// Keeps `nal` under `id`, in order of ids; whether that is news.
fn keep(sets: &mut Vec<(u32, Bytes)>, id: u32, nal: &Bytes) -> bool {
    match sets.binary_search_by_key(&id, |(id, _)| *id) {
        Ok(at) if sets[at].1 == *nal => false,
        // A copy of its own, for a slice would hold a whole packet's memory as long as the stream lives.
        Ok(at) => {
            sets[at].1 = Bytes::copy_from_slice(nal);
            true
        }
        Err(at) if sets.len() < MAX_SETS => {
            sets.insert(at, (id, Bytes::copy_from_slice(nal)));
            true
        }
        Err(_) => false,
    }
}

fn first_number(body: &[u8]) -> Option<u32> {
    super::rbsp::Bits::new(body).ue()
}

fn read(nal: &Bytes, with_vui: bool) -> Result<SeqParameterSet, SpsError> {
    let bits = BitReader::new(ByteReader::skipping_h264_header(nal.as_ref()));
    SeqParameterSet::from_bits(Lenient { bits, with_vui })
}

/// Whether pictures may be sent in another order than shown (H.264 §A.2, §E.2.1 `max_num_reorder_frames`).
fn may_reorder(sps: &SeqParameterSet, profile: u8, constraints: u8) -> bool {
    // Baseline has no B slices; Constrained High forbids them; an all-intra profile has no prediction at all.
    let baseline = profile == 66 || profile != 100 && constraints & 0x40 != 0 && profile < 100;
    let constrained_high = profile == 100 && constraints & 0x0c == 0x0c;
    let intra = matches!(profile, 44 | 100 | 110 | 122 | 244) && constraints & 0x10 != 0;
    if baseline || constrained_high || intra || matches!(sps.pic_order_cnt, PicOrderCntType::TypeTwo) {
        return false;
    }
    let restrictions = sps.vui_parameters.as_ref().and_then(|vui| vui.bitstream_restrictions.as_ref());
    restrictions.is_none_or(|restrictions| restrictions.max_num_reorder_frames > 0)
}

fn profile(profile: u8, constraints: u8) -> String {
    let name = match profile {
        66 if constraints & 0x40 != 0 => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 if constraints & 0x0c == 0x0c => "Constrained High",
        100 if constraints & 0x08 != 0 => "Progressive High",
        100 => "High",
        110 => "High 10",
        122 => "High 4:2:2",
        244 => "High 4:4:4 Predictive",
        44 => "CAVLC 4:4:4 Intra",
        other => return format!("profile {other}"),
    };
    name.to_owned()
}

fn level(profile: u8, constraints: u8, level: u8) -> String {
    match (level, profile) {
        (9, _) => "1b".to_owned(),
        (11, 66 | 77 | 88) if constraints & 0x10 != 0 => "1b".to_owned(),
        _ => format!("{}.{}", level / 10, level % 10),
    }
}

/// Reads as the standard says, yet lets data after the end pass, and can leave the usability information out.
struct Lenient<R> {
    bits: R,
    with_vui: bool,
}

impl<R: BitRead> BitRead for Lenient<R> {
    fn read_ue(&mut self, name: &'static str) -> Result<u32, BitReaderError> {
        self.bits.read_ue(name)
    }

    fn read_se(&mut self, name: &'static str) -> Result<i32, BitReaderError> {
        self.bits.read_se(name)
    }

    fn read_bit(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        if name == "vui_parameters_present_flag" && !self.with_vui {
            return Ok(false);
        }
        self.bits.read_bit(name)
    }

    fn read<const BITS: u32, I: Integer>(&mut self, name: &'static str) -> Result<I, BitReaderError> {
        self.bits.read::<BITS, I>(name)
    }

    fn read_var<I: Integer>(&mut self, bit_count: u32, name: &'static str) -> Result<I, BitReaderError> {
        self.bits.read_var(bit_count, name)
    }

    fn read_to<V: Primitive>(&mut self, name: &'static str) -> Result<V, BitReaderError> {
        self.bits.read_to(name)
    }

    fn skip(&mut self, bit_count: u32, name: &'static str) -> Result<(), BitReaderError> {
        self.bits.skip(bit_count, name)
    }

    fn byte_aligned(&self) -> bool {
        self.bits.byte_aligned()
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.bits.has_more_rbsp_data(name)
    }

    fn finish_rbsp(self) -> Result<(), BitReaderError> {
        Ok(())
    }

    fn finish_sei_payload(self) -> Result<(), BitReaderError> {
        Ok(())
    }
}

/// Padding is left out by some cameras and doubled by others.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Far above any real one; scaling lists make the largest.
const MAX_SET_BYTES: usize = 4096;
/// The standard allows 32 sequence and 256 picture parameter sets; no camera comes near.
const MAX_SETS: usize = 32;

#[cfg(test)]
mod tests;
