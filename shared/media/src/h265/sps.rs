use super::{profile::Profile, ref_pic_sets};
use crate::bits::Bits;

/// What a sequence parameter set says that a `HEVCDecoderConfigurationRecord` repeats (ISO/IEC 14496-15 §8.3.3.1).
/// What the record holds beyond this may be 0: `min_spatial_segmentation_idc`, `parallelismType`,
/// `avgFrameRate`, `constantFrameRate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// `general_profile_space`, 0 to 3.
    pub profile_space: u8,
    /// `general_tier_flag`: the high tier.
    pub tier: bool,
    /// `general_profile_idc`.
    pub profile_idc: u8,
    /// `general_profile_compatibility_flags`, the first flag in the highest bit.
    pub compatibility_flags: u32,
    /// `general_constraint_indicator_flags`.
    pub constraint_flags: [u8; 6],
    /// `general_level_idc`, thirty times the level.
    pub level_idc: u8,
    /// `chroma_format_idc`: 1 is 4:2:0.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 16.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample, 8 to 16.
    pub bit_depth_chroma: u8,
    /// `numTemporalLayers`.
    pub temporal_layers: u8,
    /// `temporalIdNested`.
    pub temporal_id_nested: bool,
}

/// A sequence parameter set, as much of it as is of use here.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sps {
    pub(super) configuration: Configuration,
    pub(super) profile: Profile,
    /// After cropping.
    pub(super) width: u32,
    /// After cropping.
    pub(super) height: u32,
    /// `sps_max_num_reorder_pics` of the highest sub-layer.
    pub(super) reorder: u32,
    /// Pictures per second, where declared.
    pub(super) fps: Option<f64>,
    /// Bits of a picture's order in its slices.
    log2_poc: u32,
}

/// Why a sequence parameter set is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpsError {
    #[error("it ends before the pictures' order")]
    Short,
    #[error("a picture of {0}x{1} is none")]
    Size(u32, u32),
}

impl Sps {
    /// `body` is the NAL unit after its header. What stands behind the pictures' order may be nonsense.
    pub(super) fn read(body: &[u8]) -> Result<Self, SpsError> {
        let mut bits = Bits::new(body);
        let mut sps = head(&mut bits).ok_or(SpsError::Short)??;
        sps.fps = timing(&mut bits, sps.log2_poc).flatten().filter(|fps| (0.1..=1_000.0).contains(fps));
        Ok(sps)
    }

    /// `sps_seq_parameter_set_id`.
    pub(super) fn id(body: &[u8]) -> Option<u32> {
        let mut bits = Bits::new(body);
        bits.skip(4)?;
        let sub_layers = bits.bits(3)?;
        bits.skip(1)?;
        Profile::read(&mut bits, sub_layers)?;
        bits.ue_up_to(15)
    }
}

/// Up to the pictures' order.
fn head(bits: &mut Bits<'_>) -> Option<Result<Sps, SpsError>> {
    bits.skip(4)?;
    let sub_layers = bits.bits(3)?;
    let temporal_id_nested = bits.flag()?;
    let profile = Profile::read(bits, sub_layers)?;
    bits.ue_up_to(15)?;
    let chroma = bits.ue_up_to(3)?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    let coded = (bits.ue()?, bits.ue()?);
    // SubWidthC and SubHeightC of table 6-1.
    let unit = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let window = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
    let shown = |coded: u32, a: u32, b: u32, unit: u32| {
        let cut = u64::from(a).saturating_add(u64::from(b)).saturating_mul(u64::from(unit));
        u32::try_from(u64::from(coded).saturating_sub(cut)).unwrap_or(0)
    };
    let width = shown(coded.0, window[0], window[1], unit.0);
    let height = shown(coded.1, window[2], window[3], unit.1);
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Some(Err(SpsError::Size(width, height)));
    }
    let (luma, colour) = (bits.ue_up_to(8)?, bits.ue_up_to(8)?);
    let log2_poc = 4 + bits.ue_up_to(12)?;
    let each = bits.flag()?;
    let mut reorder = 0;
    for _ in if each { 0 } else { sub_layers }..=sub_layers {
        bits.skip_ue()?;
        reorder = bits.ue_up_to(MAX_REORDER)?;
        bits.skip_ue()?;
    }
    let byte = |value: u32| value.to_le_bytes()[0];
    let configuration = Configuration {
        profile_space: profile.space,
        tier: profile.tier,
        profile_idc: profile.idc,
        compatibility_flags: profile.compatibility,
        constraint_flags: profile.constraints,
        level_idc: profile.level,
        chroma_format: byte(chroma),
        bit_depth_luma: 8 + byte(luma),
        bit_depth_chroma: 8 + byte(colour),
        temporal_layers: 1 + byte(sub_layers),
        temporal_id_nested,
    };
    Some(Ok(Sps { configuration, profile, width, height, reorder, fps: None, log2_poc }))
}

/// From behind the pictures' order to the declared rate; the inner `None` is one that is not declared.
fn timing(bits: &mut Bits<'_>, log2_poc: u32) -> Option<Option<f64>> {
    // Sizes of blocks and depths of transforms.
    for _ in 0..6 {
        bits.skip_ue()?;
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.skip_ue()?;
        bits.skip_ue()?;
        bits.skip(1)?;
    }
    ref_pic_sets::skip(bits)?;
    if bits.flag()? {
        for _ in 0..bits.ue_up_to(32)? {
            bits.skip(log2_poc + 1)?;
        }
    }
    bits.skip(2)?;
    if bits.flag()? { usability(bits) } else { Some(None) }
}

/// Video usability information (H.265 §E.2.1) up to its timing.
fn usability(bits: &mut Bits<'_>) -> Option<Option<f64>> {
    if bits.flag()? && bits.octet()? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.skip_ue()?;
        bits.skip_ue()?;
    }
    bits.skip(1)?;
    let fields = bits.flag()?;
    bits.skip(1)?;
    if bits.flag()? {
        for _ in 0..4 {
            bits.skip_ue()?;
        }
    }
    if !bits.flag()? {
        return Some(None);
    }
    let (tick, scale) = (bits.bits(32)?, bits.bits(32)?);
    let pictures = f64::from(scale) / f64::from(tick);
    Some((tick > 0).then_some(if fields { pictures / 2.0 } else { pictures }))
}

/// H.265 §7.3.4.
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4u32 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !bits.flag()? {
                bits.skip_ue()?;
                continue;
            }
            if size > 1 {
                bits.skip_ue()?;
            }
            for _ in 0..64.min(1u32 << (4 + 2 * size)) {
                bits.skip_ue()?;
            }
        }
    }
    Some(())
}

/// Twice the largest side of level 6.2, which is 8192x4320 and up to 16,888 long.
const MAX_SIDE: u32 = 32_768;
/// `sps_max_dec_pic_buffering_minus1` bounds it, and is at most 15.
const MAX_REORDER: u32 = 16;
/// `aspect_ratio_idc` that two numbers of 16 bits follow.
const EXTENDED_SAR: u8 = 255;
