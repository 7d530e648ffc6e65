//! Bits of a NAL unit's payload, read over its emulation prevention bytes (H.264 §7.3.1, §9.1).

/// Reads syntax elements; `None` at the end of the bytes.
pub(super) struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    zeros: u8,
    byte: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    /// `body` is the NAL unit after its header byte; it may be cut short.
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { bytes: body.iter(), zeros: 0, byte: 0, left: 0 }
    }

    /// The next whole byte, when no bit of the current one is pending.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.next()?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.bytes.next()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = self.byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    /// `ue(v)`: an unsigned number, most often short; at most 2^32 - 2.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let mut suffix = 0;
        for _ in 0..zeros {
            suffix = suffix << 1 | self.bit()?;
        }
        Some((1u32 << zeros) - 1 + suffix)
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
    fn emulation_prevention_is_no_content() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3, 0, 9]);
        let got: Vec<_> = std::iter::from_fn(|| bits.byte()).collect();
        assert_eq!(got, [0, 0, 1, 0, 0, 0, 9]);
    }

    #[test]
    fn a_number_of_too_many_bits_is_none() {
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0x80, 0, 0, 0, 0]).ue(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).ue(), Some(u32::MAX - 1));
    }
}
