use bytes::Bytes;
use mp4_atom::{
    Audio, Avc1, Avcc, AvccExt, Codec as Entry, Dfla, Dops, Esds, Flac, FlacMetadataBlock, Hvc1, HvcCArray,
    Hvcc, Mp4a, Opus, Visual,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};
use sluice_media::{Codec, VideoDescription, VideoSets, audio::AudioConfig};

/// The sample entry of pictures: `avc1` or `hvc1`, parameter sets in it alone (ISO/IEC 14496-15). Nothing if a set is
/// missing or cannot be written.
pub(crate) fn video(sets: &VideoSets, description: &VideoDescription) -> Option<Entry> {
    let visual = Visual {
        data_reference_index: 1,
        width: u16::try_from(description.width).ok().filter(|width| *width > 0)?,
        height: u16::try_from(description.height).ok().filter(|height| *height > 0)?,
        ..Visual::default()
    };
    let nals = sets.iter().filter(|nal| (1..=usize::from(u16::MAX)).contains(&nal.len())).collect::<Vec<_>>();
    match sets.codec() {
        Codec::H264 => Some(Avc1 { visual, avcc: avcc(sets, &nals)?, ..Avc1::default() }.into()),
        Codec::H265 => Some(Hvc1 { visual, hvcc: hvcc(sets, &nals)?, ..Hvc1::default() }.into()),
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

fn avcc(sets: &VideoSets, nals: &[&Bytes]) -> Option<Avcc> {
    let of = |kind: u8| nals.iter().filter(move |nal| nal.first().is_some_and(|byte| byte & 0x1f == kind));
    // The count has five bits for sequence and eight for picture parameter sets.
    let sps: Vec<_> = of(7).map(|nal| nal.to_vec()).take(31).collect();
    let pps: Vec<_> = of(8).map(|nal| nal.to_vec()).take(255).collect();
    let (first, _) = (sps.first().filter(|sps| sps.len() >= 4)?, pps.first()?);
    // Profiles that say how colour is sampled carry it in the record too (ISO/IEC 14496-15 §5.3.3.1).
    let coloured = matches!(first[1], 100 | 110 | 122 | 144 | 244 | 44);
    let ext = sets.avc().ok().filter(|_| coloured).map(|avc| AvccExt {
        chroma_format: avc.chroma_format,
        bit_depth_luma: avc.bit_depth_luma,
        bit_depth_chroma: avc.bit_depth_chroma,
        sequence_parameter_sets_ext: Vec::new(),
    });
    Some(Avcc {
        configuration_version: 1,
        avc_profile_indication: first[1],
        profile_compatibility: first[2],
        avc_level_indication: first[3],
        length_size: 4,
        ext,
        sequence_parameter_sets: sps,
        picture_parameter_sets: pps,
    })
}

/// ISO/IEC 14496-15 §8.3.3.1.
fn hvcc(sets: &VideoSets, nals: &[&Bytes]) -> Option<Hvcc> {
    let array = |wanted: u8| HvcCArray {
        completeness: true,
        nal_unit_type: wanted,
        nalus: nals.iter().filter(|nal| nal[0] >> 1 & 0x3f == wanted).map(|nal| nal.to_vec()).collect(),
    };
    let arrays = [array(32), array(33), array(34)];
    if arrays.iter().any(|array| array.nalus.is_empty()) {
        return None;
    }
    let hevc = sets.hevc().ok()?;
    Some(Hvcc {
        general_profile_space: hevc.profile_space,
        general_tier_flag: hevc.tier,
        general_profile_idc: hevc.profile_idc,
        general_profile_compatibility_flags: hevc.compatibility_flags.to_be_bytes(),
        general_constraint_indicator_flags: hevc.constraint_flags,
        general_level_idc: hevc.level_idc,
        chroma_format_idc: hevc.chroma_format,
        bit_depth_luma_minus8: hevc.bit_depth_luma.checked_sub(8)?,
        bit_depth_chroma_minus8: hevc.bit_depth_chroma.checked_sub(8)?,
        num_temporal_layers: hevc.temporal_layers,
        temporal_id_nested: hevc.temporal_id_nested,
        length_size_minus_one: 3,
        arrays: arrays.into(),
        ..Hvcc::new()
    })
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
