use crate::bits::Bits;

/// `profile_tier_level` of H.265 §7.3.3, its general part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) space: u8,
    pub(crate) tier: bool,
    pub(crate) idc: u8,
    pub(crate) compatibility: u32,
    pub(crate) constraints: [u8; 6],
    /// Thirty times the level.
    pub(crate) level: u8,
}

impl Profile {
    /// Reads it and passes over what it says about `sub_layers` lower layers.
    pub(crate) fn read(bits: &mut Bits<'_>, sub_layers: u32) -> Option<Self> {
        let space = bits.bits(2)?.to_le_bytes()[0];
        let tier = bits.flag()?;
        let idc = bits.bits(5)?.to_le_bytes()[0];
        let compatibility = bits.bits(32)?;
        let mut constraints = [0; 6];
        for byte in &mut constraints {
            *byte = bits.octet()?;
        }
        let level = bits.octet()?;
        let mut present = Vec::with_capacity(7);
        for _ in 0..sub_layers {
            present.push((bits.flag()?, bits.flag()?));
        }
        if sub_layers > 0 {
            bits.skip(2 * (8 - sub_layers.min(8)))?;
        }
        for (profile, level) in present {
            bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
        }
        Some(Self { space, tier, idc, compatibility, constraints, level })
    }

    /// As ISO/IEC 14496-15 §E.3 writes it, behind `hvc1`: `hvc1.1.6.L93.B0`.
    pub(crate) fn codec(&self) -> String {
        let space = ["", "A", "B", "C"][usize::from(self.space & 3)];
        let tier = if self.tier { 'H' } else { 'L' };
        let Self { idc, level, .. } = self;
        let mut codec = format!("hvc1.{space}{idc}.{:X}.{tier}{level}", self.compatibility.reverse_bits());
        let last = self.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        for byte in &self.constraints[..last] {
            codec += &format!(".{byte:X}");
        }
        codec
    }

    /// In words.
    pub(crate) fn name(&self) -> String {
        let compatible = |idc: u32| self.compatibility >> (31 - idc) & 1 == 1;
        let name = match self.idc {
            1 => "Main",
            2 => "Main 10",
            3 => "Main Still Picture",
            4 => "Range Extensions",
            5 => "High Throughput",
            6 => "Multiview Main",
            7 => "Scalable Main",
            9 => "Screen Content",
            0 if compatible(1) => "Main",
            0 if compatible(2) => "Main 10",
            other => return format!("profile {other}"),
        };
        name.to_owned()
    }

    /// As the standard numbers it: `3.1`, with the tier if it is the high one.
    pub(crate) fn level(&self) -> String {
        let tier = if self.tier { " high tier" } else { "" };
        format!("{}.{}{tier}", self.level / 30, self.level % 30 / 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(hex: &str) -> Profile {
        let bytes = hex::decode(hex.replace(' ', "")).unwrap();
        Profile::read(&mut Bits::new(&bytes), 0).unwrap()
    }

    #[test]
    fn codec_strings_are_those_of_the_standard() {
        assert_eq!(profile("01 60000000 b00000000000 5d").codec(), "hvc1.1.6.L93.B0");
        assert_eq!(profile("02 20000000 900000000000 99").codec(), "hvc1.2.4.L153.90");
        assert_eq!(profile("21 60000000 000000000000 5d").codec(), "hvc1.1.6.H93");
        assert_eq!(profile("44 08000000 9d0800000000 96").codec(), "hvc1.A4.10.L150.9D.8");
    }

    #[test]
    fn profile_and_level_have_their_names() {
        let main = profile("01 60000000 b00000000000 5d");
        assert_eq!((main.name().as_str(), main.level().as_str()), ("Main", "3.1"));
        let ten = profile("22 20000000 900000000000 99");
        assert_eq!((ten.name().as_str(), ten.level().as_str()), ("Main 10", "5.1 high tier"));
        assert_eq!(profile("00 60000000 b00000000000 78").name(), "Main");
        assert_eq!(profile("1f 00000000 000000000000 78").name(), "profile 31");
    }

    #[test]
    fn lower_layers_are_passed_over() {
        // Two: the first with profile and level, the second with level only, then a mark.
        let hex = "01 60000000 b00000000000 5d d000".to_owned() + &"00".repeat(11) + "3c 5d a5";
        let bytes = hex::decode(hex.replace(' ', "")).unwrap();
        let mut bits = Bits::plain(&bytes);
        assert!(Profile::read(&mut bits, 2).is_some());
        assert_eq!(bits.octet(), Some(0xa5));
    }
}
