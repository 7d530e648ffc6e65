//! G.711: ITU-T recommendation, tables 1a and 2a, computed.

use bytes::Bytes;

const RATE: usize = 8_000;
/// Samples of one packet: 20 ms.
const PACKET: usize = 160;
const TONE_HZ: f64 = 1_000.0;
const BEEP_SAMPLES: usize = RATE / 10;
const LOUDNESS: f64 = 0.4;

/// One second in packets, the beep at its beginning.
pub(super) fn beep(code: fn(i16) -> u8) -> Vec<Bytes> {
    let sample = |at: usize| {
        let turn = at as f64 * TONE_HZ / RATE as f64;
        let level = LOUDNESS * (turn * std::f64::consts::TAU).sin();
        if at < BEEP_SAMPLES { (level * f64::from(i16::MAX)) as i16 } else { 0 }
    };
    let codes: Vec<u8> = (0..RATE).map(|at| code(sample(at))).collect();
    codes.chunks(PACKET).map(Bytes::copy_from_slice).collect()
}

/// µ-law: 14 bits of magnitude and sign, companded; sent inverted.
pub(super) fn mu_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    // 8,159 is the largest magnitude, 33 the bias of its segments.
    let magnitude = (sample.unsigned_abs() >> 2).min(8_158) + 33;
    let segment = (15 - magnitude.leading_zeros()) as u8 - 5;
    let step = (magnitude >> (segment + 1)) as u8 & 0x0F;
    !(sign | segment << 4 | step)
}

/// A-law: 13 bits of magnitude and sign, companded; sent with every second bit inverted.
pub(super) fn a_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = if sample < 0 { !sample } else { sample } as u16 >> 3;
    let segment = (16_u32 - (magnitude >> 4).leading_zeros().min(16)).saturating_sub(1) as u8;
    let coded = if magnitude < 32 {
        (magnitude >> 1) as u8
    } else {
        segment << 4 | (magnitude >> segment) as u8 & 0x0F
    };
    (sign | coded) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decoders of another making, after the tables.
    fn from_mu_law(code: u8) -> i32 {
        let code = !code;
        let magnitude = (((i32::from(code & 0x0F) << 1) + 33) << (code >> 4 & 7)) - 33;
        4 * if code & 0x80 == 0 { magnitude } else { -magnitude }
    }

    fn from_a_law(code: u8) -> i32 {
        let code = code ^ 0x55;
        let (segment, step) = (code >> 4 & 7, i32::from(code & 0x0F));
        let magnitude = if segment == 0 { 2 * step + 1 } else { (2 * step + 33) << (segment - 1) };
        8 * if code & 0x80 == 0 { -magnitude } else { magnitude }
    }

    #[test]
    fn every_sample_comes_back_within_its_step() {
        for sample in i16::MIN..=i16::MAX {
            let wanted = i32::from(sample);
            let step = 16 + wanted.abs() / 16;
            assert!(
                (from_mu_law(mu_law(sample)) - wanted).abs()
                    <= step + 1_000 * i32::from(wanted.abs() > 32_600),
                "µ {sample}"
            );
            assert!((from_a_law(a_law(sample)) - wanted).abs() <= step, "A {sample}");
        }
    }

    #[test]
    fn silence_and_the_loudest_have_their_codes() {
        assert_eq!((mu_law(0), mu_law(i16::MAX), mu_law(i16::MIN)), (0xFF, 0x80, 0x00));
        assert_eq!((a_law(0), a_law(i16::MAX), a_law(i16::MIN)), (0xD5, 0xAA, 0x2A));
    }

    #[test]
    fn a_second_beeps_at_its_beginning_only() {
        let packets = beep(a_law);
        assert_eq!(packets.len(), 50);
        let loud = |packet: &Bytes| packet.iter().any(|&code| from_a_law(code).abs() > 8_000);
        assert!(packets[..5].iter().all(loud) && !packets[5..].iter().any(loud));
    }
}
