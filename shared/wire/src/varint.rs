//! Variable-length integers of QUIC (RFC 9000 §16): 1, 2, 4 or 8 bytes, the first two bits tell how many.

use bytes::BufMut;

/// The largest value that has an encoding.
pub const MAX: u64 = (1 << 62) - 1;

/// Appends `value` in its shortest form; a value above [`MAX`] is written as [`MAX`].
pub fn encode(value: u64, to: &mut impl BufMut) {
    match value.min(MAX) {
        value @ 0..=0x3f => to.put_u8(value as u8),
        value @ 0x40..=0x3fff => to.put_u16(value as u16 | 0x4000),
        value @ 0x4000..=0x3fff_ffff => to.put_u32(value as u32 | 0x8000_0000),
        value => to.put_u64(value | 0xc000_0000_0000_0000),
    }
}

/// The value at the front of `bytes` and how many bytes it takes; `None` if it is not all there.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = 1 << (bytes.first()? >> 6);
    let mut value = 0;
    for byte in bytes.get(..length)? {
        value = value << 8 | u64::from(*byte);
    }
    Some((value & (u64::MAX >> (66 - 8 * length as u32).min(63)), length))
}

/// How many bytes [`encode`] writes.
#[must_use]
pub const fn length(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_decode() {
        let examples: [(&str, u64); 5] = [
            ("c2197c5eff14e88c", 151_288_809_941_952_652),
            ("9d7f3e7d", 494_878_333),
            ("7bbd", 15_293),
            ("25", 37),
            ("4025", 37),
        ];
        for (hex, value) in examples {
            let bytes = hex::decode(hex).unwrap();
            assert_eq!(decode(&bytes), Some((value, bytes.len())), "{hex}");
            assert_eq!(decode(&bytes[..bytes.len() - 1]), None, "{hex} without its end");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_value_reads_back_as_itself(value in 0..=MAX) {
            let mut bytes = Vec::new();
            encode(value, &mut bytes);
            proptest::prop_assert_eq!(bytes.len(), length(value));
            proptest::prop_assert_eq!(decode(&bytes), Some((value, bytes.len())));
        }
    }
}
