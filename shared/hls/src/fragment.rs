use bytes::{BufMut, Bytes};
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

/// One picture or one frame of sound, with its place in time in ticks of its track.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) decode: i64,
    pub(crate) duration: i64,
    /// When it is shown or heard; may lie before `decode`.
    pub(crate) shown: i64,
    pub(crate) flags: u32,
    pub(crate) payload: Payload,
}

/// What a sample holds.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// NAL units, each written behind its length.
    Nals(Vec<Bytes>),
    /// As it is.
    Whole(Bytes),
}

impl Payload {
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Nals(nals) => nals.iter().map(|nal| nal.len() + LENGTH_BYTES).sum(),
            Self::Whole(bytes) => bytes.len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nals(nals) => {
                for nal in nals {
                    out.put_u32(nal.len() as u32);
                    out.put_slice(nal);
                }
            }
            Self::Whole(bytes) => out.put_slice(bytes),
        }
    }
}

/// A part: one `moof` and its `mdat` (ISO/IEC 14496-12 §8.8, CMAF chunk), in one piece of memory.
pub(crate) fn fragment(sequence: u32, samples: &[Sample]) -> Result<Bytes, mp4_atom::Error> {
    let payload: usize = samples.iter().map(|sample| sample.payload.size()).sum();
    let entries = samples.iter().map(entry).collect::<Vec<_>>();
    let decode = samples.first().map_or(0, |sample| sample.decode);
    let run = Trun { data_offset: Some(0), samples: entries.into() };
    let mut moof = Moof {
        mfhd: Mfhd { sequence_number: sequence },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: TRACK, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: u64::try_from(decode).unwrap_or(0) }),
            trun: vec![run],
            ..Traf::default()
        }],
    };
    let mut out = Vec::with_capacity(payload + 128 + samples.len() * 16);
    moof.encode(&mut out)?;
    // Offsets count from the moof's first byte, and its length does not depend on their value.
    moof.traf[0].trun[0].data_offset = i32::try_from(out.len() + 8).ok();
    out.clear();
    moof.encode(&mut out)?;
    out.put_u32(u32::try_from(payload + 8).map_err(|_| mp4_atom::Error::InvalidSize)?);
    out.put_slice(b"mdat");
    for sample in samples {
        sample.payload.write(&mut out);
    }
    Ok(Bytes::from(out))
}

fn entry(sample: &Sample) -> TrunEntry {
    TrunEntry {
        duration: Some(u32::try_from(sample.duration).unwrap_or(u32::MAX)),
        size: Some(u32::try_from(sample.payload.size()).unwrap_or(u32::MAX)),
        flags: Some(sample.flags),
        cts: Some((sample.shown - sample.decode).clamp(i64::from(i32::MIN), i64::from(i32::MAX))),
    }
}

/// Every file of ours holds one track.
pub(crate) const TRACK: u32 = 1;

/// A decoder can begin with it, and it needs no other (ISO/IEC 14496-12 §8.8.3.1).
pub(crate) const SYNC: u32 = 0x0200_0000;
/// It needs others and others may need it.
pub(crate) const DEPENDS: u32 = 0x0101_0000;
/// It needs others and none needs it.
pub(crate) const DISPOSABLE: u32 = 0x0181_0000;

const LENGTH_BYTES: usize = 4;
