//! G.711 as FLAC (RFC 9639): browsers play FLAC in MP4 and no G.711. Frames of 16 bits, verbatim, so that nothing is
//! computed and nothing lost.

use bytes::{BufMut, Bytes, BytesMut};
use sluice_media::Codec;

/// One FLAC frame of the companded samples in `data`, the first of which has number `at`.
pub(crate) fn frame(codec: Codec, data: &[u8], rate: u32, at: u64) -> Bytes {
    let mut out = header(data.len(), rate, at);
    out.put_u8(0x02);
    let table = if codec == Codec::Pcma { &ALAW } else { &ULAW };
    for &byte in data {
        out.put_i16(table[usize::from(byte)]);
    }
    closed(out)
}

/// One FLAC frame of `samples` samples of silence.
pub(crate) fn silence(samples: usize, rate: u32, at: u64) -> Bytes {
    let mut out = header(samples, rate, at);
    out.put_u8(0x00);
    out.put_i16(0);
    closed(out)
}

/// Frame header (RFC 9639 §9.1): blocks of any size, sample rate in Hz behind it, one channel of 16 bits.
fn header(samples: usize, rate: u32, at: u64) -> BytesMut {
    let mut out = BytesMut::with_capacity(samples * 2 + 24);
    out.put_slice(&[0xff, 0xf9, 0x7d, 0x08]);
    coded_number(&mut out, at & 0xf_ffff_ffff);
    out.put_u16(u16::try_from(samples.saturating_sub(1)).unwrap_or(u16::MAX));
    out.put_u16(u16::try_from(rate).unwrap_or(u16::MAX));
    let check = out.iter().fold(0u8, |crc, byte| CRC8[usize::from(crc ^ byte)]);
    out.put_u8(check);
    out
}

fn closed(mut out: BytesMut) -> Bytes {
    let check = out.iter().fold(0u16, |crc, byte| crc << 8 ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)]);
    out.put_u16(check);
    out.freeze()
}

/// UTF-8's way of writing numbers, up to 36 bits (RFC 9639 §9.1.5).
fn coded_number(out: &mut BytesMut, number: u64) {
    if number < 0x80 {
        out.put_u8(number as u8);
        return;
    }
    let more = (1..=6).find(|more| number < 1 << (5 * more + 6)).unwrap_or(6);
    let lead = if more == 6 { 0xfe } else { (0xffu8 << (7 - more)) | (number >> (6 * more)) as u8 };
    out.put_u8(lead);
    for place in (0..more).rev() {
        out.put_u8(0x80 | (number >> (6 * place)) as u8 & 0x3f);
    }
}

/// ITU-T G.711 table 2.
const fn ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((((byte & 0x0f) as i16) << 3) + 0x84) << ((byte & 0x70) >> 4);
    if byte & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

/// ITU-T G.711 table 1.
const fn alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let segment = (byte & 0x70) >> 4;
    let mut magnitude = ((byte & 0x0f) as i16) << 4;
    magnitude += if segment == 0 { 8 } else { 0x108 };
    if segment > 1 {
        magnitude <<= segment - 1;
    }
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn expand(a: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        table[n] = if a { alaw(n as u8) } else { ulaw(n as u8) };
        n += 1;
    }
    table
}

const fn crc8() -> [u8; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let (mut crc, mut bit) = (n as u8, 0);
        while bit < 8 {
            crc = if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
}

const fn crc16() -> [u16; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let (mut crc, mut bit) = ((n as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
}

static ULAW: [i16; 256] = expand(false);
static ALAW: [i16; 256] = expand(true);
static CRC8: [u8; 256] = crc8();
static CRC16: [u16; 256] = crc16();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companded_values_are_those_of_the_tables() {
        assert_eq!((ULAW[0x00], ULAW[0x80], ULAW[0xff], ULAW[0x7f]), (-32_124, 32_124, 0, 0));
        assert_eq!((ALAW[0xd5], ALAW[0x55], ALAW[0xaa], ALAW[0x2a]), (8, -8, 32_256, -32_256));
    }

    #[test]
    fn numbers_are_coded_as_utf_8_does() {
        for (number, bytes) in [
            (0x7fu64, vec![0x7f]),
            (0x80, vec![0xc2, 0x80]),
            (0xffff, vec![0xef, 0xbf, 0xbf]),
            (0x1_0000, vec![0xf0, 0x90, 0x80, 0x80]),
            (0xf_ffff_ffff, vec![0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]),
        ] {
            let mut out = BytesMut::new();
            coded_number(&mut out, number);
            assert_eq!(out.as_ref(), bytes, "{number:x}");
        }
    }
}
