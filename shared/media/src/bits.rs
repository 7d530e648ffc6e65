//! Bits of a NAL unit's payload, read over its emulation prevention bytes (H.264 §7.3.1 and §9.1, H.265 §7.3.1.1
//! and §9.2), or of bytes that have none.

/// Reads syntax elements; `None` at the end of the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    escaped: bool,
    zeros: u8,
    byte: u8,
    left: u8,
    /// Whole bytes taken so far, without emulation prevention.
    taken: usize,
}

impl<'a> Bits<'a> {
    /// `body` is the NAL unit after its header; it may be cut short.
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { bytes: body.iter(), escaped: true, zeros: 0, byte: 0, left: 0, taken: 0 }
    }

    /// `bytes` are content as they are.
    pub(crate) fn plain(bytes: &'a [u8]) -> Self {
        Self { escaped: false, ..Self::new(bytes) }
    }

    /// The next whole byte, when no bit of the current one is pending.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.next()?;
        if self.escaped && self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.bytes.next()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        self.taken += 1;
        Some(byte)
    }

    /// How many bits have been read.
    pub(crate) fn position(&self) -> usize {
        self.taken * 8 - usize::from(self.left)
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = self.byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    /// `u(1)`.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        self.bit().map(|bit| bit == 1)
    }

    /// `u(n)`, n at most 32.
    pub(crate) fn bits(&mut self, n: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..n {
            value = value << 1 | self.bit()?;
        }
        Some(value)
    }

    /// `u(8)`, wherever in a byte it begins.
    pub(crate) fn octet(&mut self) -> Option<u8> {
        self.bits(8)?.to_le_bytes().first().copied()
    }

    /// Passes over `n` bits.
    pub(crate) fn skip(&mut self, n: u32) -> Option<()> {
        for _ in 0..n {
            self.bit()?;
        }
        Some(())
    }

    /// `ue(v)`: an unsigned number, most often short; at most 2^32 - 2.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let suffix = self.bits(zeros)?;
        Some((1u32 << zeros) - 1 + suffix)
    }

    /// `ue(v)` that the standard limits to `most`.
    pub(crate) fn ue_up_to(&mut self, most: u32) -> Option<u32> {
        self.ue().filter(|value| *value <= most)
    }

    /// Passes over a `ue(v)` or `se(v)`.
    pub(crate) fn skip_ue(&mut self) -> Option<()> {
        self.ue().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_one_after_the_other() {
        // 1 | 010 | 011 | 00100 | 1...
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_1000]);
        let got: Vec<_> = (0..5).map(|_| bits.ue()).collect();
        assert_eq!(got, [Some(0), Some(1), Some(2), Some(3), Some(0)]);
        assert_eq!(bits.ue(), None);
    }

    #[test]
    fn bits_and_octets_stand_anywhere() {
        let mut bits = Bits::plain(&[0b1011_0000, 0xff, 0, 0, 3]);
        assert_eq!((bits.flag(), bits.bits(3), bits.octet()), (Some(true), Some(3), Some(0x0f)));
        assert_eq!(bits.position(), 12);
        assert_eq!((bits.skip(4), bits.bits(24), bits.flag()), (Some(()), Some(3), None));
    }

    #[test]
    fn emulation_prevention_is_no_content() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3, 0, 9]);
        let got: Vec<_> = std::iter::from_fn(|| bits.byte()).collect();
        assert_eq!(got, [0, 0, 1, 0, 0, 0, 9]);
    }

    #[test]
    fn a_number_of_too_many_bits_is_none() {
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0x80, 0, 0, 0, 0]).ue(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).ue(), Some(u32::MAX - 1));
        assert_eq!(Bits::new(&[0b0010_0000]).ue_up_to(2), None);
    }
}
