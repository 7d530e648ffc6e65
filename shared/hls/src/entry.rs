use bytes::Bytes;
use mp4_atom::{
    Audio, Avc1, Avcc, AvccExt, Codec as Entry, Dfla, Dops, Esds, Flac, FlacMetadataBlock, Hvc1, HvcCArray,
    Hvcc, Mp4a, Opus, Visual,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};
use sluice_media::{Codec, VideoDescription, VideoSets, audio::AudioConfig};

use crate::bits::Bits;

/// The sample entry of pictures: `avc1` or `hvc1`, parameter sets in it alone (ISO/IEC 14496-15). Nothing if a set is
/// missing or cannot be written.
pub(crate) fn video(sets: &VideoSets, description: &VideoDescription) -> Option<Entry> {
    let visual = Visual {
        data_reference_index: 1,
        width: u16::try_from(description.width).ok().filter(|width| *width > 0)?,
        height: u16::try_from(description.height).ok().filter(|height| *height > 0)?,
        ..Visual::default()
    };
    let nals = sets.iter().filter(|nal| nal.len() <= usize::from(u16::MAX)).collect::<Vec<_>>();
    match sets.codec() {
        Codec::H264 => Some(Avc1 { visual, avcc: avcc(&nals)?, ..Avc1::default() }.into()),
        Codec::H265 => Some(Hvc1 { visual, hvcc: hvcc(&nals)?, ..Hvc1::default() }.into()),
        _ => None,
    }
}

/// The sample entry of sound; nothing for what MP4 cannot carry or browsers would not play.
pub(crate) fn audio(config: &AudioConfig, rate: u32) -> Option<Entry> {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: config.channels.into(),
        sample_size: 16,
        sample_rate: u16::try_from(config.sample_rate).unwrap_or(0).into(),
    };
    match config.codec {
        Codec::Aac | Codec::Latm if (1..=2).contains(&config.channels) && !config.config.is_empty() => {
            Some(Mp4a { audio, esds: esds(&config.config), btrt: None, taic: None }.into())
        }
        Codec::Opus if (1..=2).contains(&config.channels) => {
            let dops = Dops {
                output_channel_count: config.channels,
                pre_skip: 0,
                input_sample_rate: 48_000,
                output_gain: 0,
                channel_mapping: None,
            };
            Some(Opus { audio, dops, btrt: None }.into())
        }
        Codec::Pcmu | Codec::Pcma if config.channels == 1 && (1..=0xffff).contains(&rate) => {
            Some(Flac { audio, dfla: Dfla { blocks: vec![stream_info(rate)] } }.into())
        }
        _ => None,
    }
}

/// What CODECS calls it.
pub(crate) fn audio_name(config: &AudioConfig) -> String {
    match config.codec {
        Codec::Pcmu | Codec::Pcma => "fLaC".to_owned(),
        _ => config.name.clone(),
    }
}

fn avcc(nals: &[&Bytes]) -> Option<Avcc> {
    let of = |kind: u8| nals.iter().filter(move |nal| nal.first().is_some_and(|byte| byte & 0x1f == kind));
    let owned = |nal: &&Bytes| nal.to_vec();
    // The count has five bits for sequence and eight for picture parameter sets.
    let sps: Vec<_> = of(7).map(owned).take(31).collect();
    let pps: Vec<_> = of(8).map(owned).take(255).collect();
    let (first, _) = (sps.first().filter(|sps| sps.len() >= 4)?, pps.first()?);
    Some(Avcc {
        configuration_version: 1,
        avc_profile_indication: first[1],
        profile_compatibility: first[2],
        avc_level_indication: first[3],
        length_size: 4,
        ext: avcc_extension(first),
        sequence_parameter_sets: sps,
        picture_parameter_sets: pps,
    })
}

/// Profiles that say how colour is sampled carry it in the record too (ISO/IEC 14496-15 §5.3.3.1).
fn avcc_extension(sps: &[u8]) -> Option<AvccExt> {
    if !matches!(sps[1], 100 | 110 | 122 | 144 | 244 | 44) {
        return None;
    }
    let mut bits = Bits::new(&sps[4..]);
    bits.ue()?;
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    let (luma, colour) = (bits.ue()?, bits.ue()?);
    let small = |value: u32, most: u32| u8::try_from(value).ok().filter(|_| value <= most);
    Some(AvccExt {
        chroma_format: small(chroma, 3)?,
        bit_depth_luma: small(luma, 7)? + 8,
        bit_depth_chroma: small(colour, 7)? + 8,
        sequence_parameter_sets_ext: Vec::new(),
    })
}

fn hvcc(nals: &[&Bytes]) -> Option<Hvcc> {
    let kind = |nal: &Bytes| nal.first().map_or(0, |byte| byte >> 1 & 0x3f);
    let array = |wanted: u8| HvcCArray {
        completeness: true,
        nal_unit_type: wanted,
        nalus: nals.iter().filter(|nal| kind(nal) == wanted).map(|nal| nal.to_vec()).collect(),
    };
    let arrays = [array(32), array(33), array(34)];
    if arrays.iter().any(|array| array.nalus.is_empty()) {
        return None;
    }
    let mut record = profile(&arrays[1].nalus[0])?;
    record.arrays = arrays.into();
    Some(record)
}

/// What the record repeats of the sequence parameter set (H.265 §7.3.2.2, §7.3.3; ISO/IEC 14496-15 §8.3.3.1).
fn profile(sps: &[u8]) -> Option<Hvcc> {
    let mut bits = Bits::new(sps.get(2..)?);
    bits.skip(4)?;
    let sub_layers = bits.u(3)?;
    let nested = bits.u(1)? == 1;
    let mut record = Hvcc::new();
    record.general_profile_space = bits.u(2)? as u8;
    record.general_tier_flag = bits.u(1)? == 1;
    record.general_profile_idc = bits.u(5)? as u8;
    record.general_profile_compatibility_flags = bits.u(32)?.to_be_bytes();
    for byte in &mut record.general_constraint_indicator_flags {
        *byte = bits.u(8)? as u8;
    }
    record.general_level_idc = bits.u(8)? as u8;
    skip_sub_layers(&mut bits, sub_layers)?;
    bits.ue()?;
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    bits.ue()?;
    bits.ue()?;
    if bits.u(1)? == 1 {
        (0..4).try_for_each(|_| bits.ue().map(drop))?;
    }
    record.chroma_format_idc = u8::try_from(chroma).ok()?;
    record.bit_depth_luma_minus8 = u8::try_from(bits.ue()?).ok().filter(|depth| *depth < 8)?;
    record.bit_depth_chroma_minus8 = u8::try_from(bits.ue()?).ok().filter(|depth| *depth < 8)?;
    record.num_temporal_layers = sub_layers as u8 + 1;
    record.temporal_id_nested = nested;
    record.length_size_minus_one = 3;
    Some(record)
}

fn skip_sub_layers(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    let mut present = 0;
    for _ in 0..count {
        present += 88 * bits.u(1)? + 8 * bits.u(1)?;
    }
    if count > 0 {
        bits.skip(2 * (8 - count))?;
    }
    bits.skip(present)
}

fn esds(config: &Bytes) -> Esds {
    let specific = DecoderSpecific { profile: 0, freq_index: 0, chan_conf: 0, raw: config.to_vec() };
    Esds {
        es_desc: EsDescriptor {
            es_id: 1,
            dec_config: DecoderConfig {
                // ISO/IEC 14496-3 audio, in an audio stream.
                object_type_indication: 0x40,
                stream_type: 5,
                dec_specific: Some(specific),
                ..DecoderConfig::default()
            },
            sl_config: SLConfig::default(),
            ..EsDescriptor::default()
        },
    }
}

/// STREAMINFO (RFC 9639 §8.2) of a stream without end.
fn stream_info(rate: u32) -> FlacMetadataBlock {
    FlacMetadataBlock::StreamInfo {
        minimum_block_size: 16,
        maximum_block_size: MAX_BLOCK,
        minimum_frame_size: [0, 0, 0].into(),
        maximum_frame_size: [0, 0, 0].into(),
        sample_rate: rate,
        num_channels_minus_one: 0,
        bits_per_sample_minus_one: 15,
        number_of_interchannel_samples: 0,
        md5_checksum: vec![0; 16],
    }
}

/// Samples of the largest FLAC frame: more than any RTP packet carries.
pub(crate) const MAX_BLOCK: u16 = 16_384;
