//! Parameter sets under their ids, as both video codecs number them.

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;

/// The newest parameter set of each id, in order of ids.
pub(crate) type Sets = Vec<(u32, Bytes)>;

/// Keeps `nal` under `id`; whether that is news.
pub(crate) fn keep(sets: &mut Sets, id: u32, nal: &Bytes) -> bool {
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

/// The parts of an `sprop-…` parameter: base64 with commas between them. `None` is a part that is not base64.
pub(crate) fn sprop(value: &str) -> impl Iterator<Item = Option<Bytes>> {
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| BASE64.decode(part).ok().map(Bytes::from))
}

/// Padding is left out by some cameras and doubled by others.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Far above any real one; scaling lists make the largest.
pub(crate) const MAX_SET_BYTES: usize = 4096;
/// H.264 allows 32 sequence and 256 picture parameter sets, H.265 16 and 64; no camera comes near.
pub(crate) const MAX_SETS: usize = 32;
