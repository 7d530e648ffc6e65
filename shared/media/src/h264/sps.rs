use h264_reader::{
    nal::sps::{ChromaFormat, FrameMbsFlags, PicOrderCntType, SeqParameterSet, SpsError},
    rbsp::{BitRead, BitReader, BitReaderError, ByteReader, Integer, Primitive},
};

use crate::{DescribeError, VideoDescription};

/// What a sequence parameter set says that an `AVCDecoderConfigurationRecord` repeats (ISO/IEC 14496-15 §5.3.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// `AVCProfileIndication`.
    pub profile: u8,
    /// `profile_compatibility`: the constraint flags.
    pub compatibility: u8,
    /// `AVCLevelIndication`, ten times the level.
    pub level: u8,
    /// `chroma_format`: 1 is 4:2:0. The record holds this and what follows only for profiles from 100 on.
    pub chroma_format: u8,
    /// Bits of a luma sample.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample.
    pub bit_depth_chroma: u8,
}

/// A sequence parameter set that can be read.
#[derive(Debug)]
pub(super) struct Sps {
    set: SeqParameterSet,
    profile: u8,
    constraints: u8,
    level: u8,
}

impl Sps {
    /// `nal` with its header.
    pub(super) fn read(nal: &[u8]) -> Result<Self, DescribeError> {
        let &[_, profile, constraints, level, ..] = nal else {
            return Err(DescribeError::Malformed("shorter than its profile".to_owned()));
        };
        // Cameras that write nonsense behind the picture's size still have a size.
        let set = read(nal, true).or_else(|_| read(nal, false)).map_err(malformed)?;
        Ok(Self { set, profile, constraints, level })
    }

    pub(super) fn describe(&self) -> Result<VideoDescription, DescribeError> {
        let (width, height) = self.set.pixel_dimensions().map_err(malformed)?;
        let Self { profile, constraints, level, .. } = *self;
        Ok(VideoDescription {
            codec: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
            profile: profile_name(profile, constraints),
            level: level_name(profile, constraints, level),
            width,
            height,
            fps: self.set.fps().filter(|fps| (0.1..=1_000.0).contains(fps)),
            b_frames: self.reorder_frames() > 0,
        })
    }

    /// The most pictures that may be sent before one that is shown earlier (H.264 §A.2, §E.2.1
    /// `max_num_reorder_frames`).
    pub(super) fn reorder_frames(&self) -> u32 {
        let Self { profile, constraints, .. } = *self;
        // Baseline has no B slices, nor has what obeys it as well (`constraint_set0_flag`); Constrained High forbids
        // them; an all-intra profile has no prediction at all.
        let baseline = profile == 66 || profile < 100 && constraints & 0x80 != 0;
        let constrained_high = profile == 100 && constraints & 0x0c == 0x0c;
        let intra = matches!(profile, 44 | 100 | 110 | 122 | 244) && constraints & 0x10 != 0;
        if baseline || constrained_high || intra || matches!(self.set.pic_order_cnt, PicOrderCntType::TypeTwo)
        {
            return 0;
        }
        let restrictions =
            self.set.vui_parameters.as_ref().and_then(|vui| vui.bitstream_restrictions.as_ref());
        let declared = restrictions.map(|restrictions| restrictions.max_num_reorder_frames);
        declared.unwrap_or_else(|| self.buffered_frames()).min(MAX_FRAMES)
    }

    /// `MaxDpbFrames` (H.264 §A.3.1 h): what a decoder has to hold at most.
    fn buffered_frames(&self) -> u32 {
        let fields = u64::from(matches!(self.set.frame_mbs_flags, FrameMbsFlags::Fields { .. }));
        let size = u64::from(self.set.pic_size_in_map_units()).saturating_mul(1 + fields).max(1);
        let frames = max_dpb_macroblocks(self.level, self.constraints) / size;
        u32::try_from(frames).unwrap_or(MAX_FRAMES).clamp(1, MAX_FRAMES)
    }

    pub(super) fn configuration(&self) -> Configuration {
        let chroma = &self.set.chroma_info;
        let chroma_format = match chroma.chroma_format {
            ChromaFormat::Monochrome => 0,
            ChromaFormat::YUV422 => 2,
            ChromaFormat::YUV444 => 3,
            ChromaFormat::YUV420 | ChromaFormat::Invalid(_) => 1,
        };
        Configuration {
            profile: self.profile,
            compatibility: self.constraints,
            level: self.level,
            chroma_format,
            bit_depth_luma: 8 + chroma.bit_depth_luma_minus8.min(8),
            bit_depth_chroma: 8 + chroma.bit_depth_chroma_minus8.min(8),
        }
    }
}

fn malformed(error: SpsError) -> DescribeError {
    DescribeError::Malformed(format!("{error:?}"))
}

fn read(nal: &[u8], with_vui: bool) -> Result<SeqParameterSet, SpsError> {
    let bits = BitReader::new(ByteReader::skipping_h264_header(nal));
    SeqParameterSet::from_bits(Lenient { bits, with_vui })
}

fn profile_name(profile: u8, constraints: u8) -> String {
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

pub(super) fn level_name(profile: u8, constraints: u8, level: u8) -> String {
    match (level, profile) {
        (9, _) => "1b".to_owned(),
        (11, 66 | 77 | 88) if constraints & 0x10 != 0 => "1b".to_owned(),
        _ => format!("{}.{}", level / 10, level % 10),
    }
}

/// `MaxDpbMbs` of H.264 table A-1; the highest for a level that it does not name.
fn max_dpb_macroblocks(level: u8, constraints: u8) -> u64 {
    match level {
        9 | 10 => 396,
        11 if constraints & 0x10 != 0 => 396,
        11 => 900,
        12 | 13 | 20 => 2_376,
        21 => 4_752,
        22 | 30 => 8_100,
        31 => 18_000,
        32 => 20_480,
        40 | 41 => 32_768,
        42 => 34_816,
        50 => 110_400,
        51 | 52 => 184_320,
        _ => 696_320,
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

/// No level allows a decoder to hold more.
const MAX_FRAMES: u32 = 16;
