//! The machine-readable clock at the top of every live picture.
//!
//! # Layout
//! One *cell* is `width / 80` pixels wide and high (8 at 640, 16 at 1280). All places are in cells from the top
//! left corner, so the row is found in a picture of any size that kept its aspect. A band of mid grey covers
//! `y = 0..4` over the whole width. In it, 64 blocks of 1 cell x 2 cells stand side by side at `x = 8..72`,
//! `y = 1..3`; white is 1, black is 0:
//!
//! | blocks | what |
//! |---|---|
//! | 0..4 | mark `1 0 1 0`: it also tells how white and how black look after coding |
//! | 4..48 | 44 bits, most significant first: milliseconds since 1970-01-01T00:00:00Z when the picture was taken |
//! | 48..60 | CRC-12 of those 44 bits, most significant first (polynomial `0x80F`, start `0xFFF`, no reflection) |
//! | 60..64 | mark `0 1 0 1` |
//!
//! To read a block, average the middle half of it in both directions and compare with the midpoint of the marks.
//! `tests/camsim/clock.mjs` is the same reader for a browser's canvas.

const COLUMNS: usize = 80;
const FIRST_COLUMN: usize = 8;
const BLOCKS: usize = 64;
const MARK: usize = 4;
const TIME_BITS: usize = 44;
const CHECK_BITS: usize = 12;
/// Height of the grey band, in cells.
pub(crate) const BAND_CELLS: usize = 4;

const WHITE: u8 = 228;
const BLACK: u8 = 20;
const GREY: u8 = 112;
/// Less contrast than this between the marks is no clock, but a picture that happens to be there.
const LEAST_CONTRAST: u32 = 48;

/// Draws the band and the time into the luma plane of a picture. `millis` beyond 44 bits (the year 2527) is cut.
pub fn draw(luma: &mut [u8], stride: usize, width: usize, millis: u64) {
    let edge = |cells: usize| cells * width / COLUMNS;
    for row in luma.chunks_mut(stride).take(edge(BAND_CELLS)) {
        row[..width].fill(GREY);
    }
    for row in luma.chunks_mut(stride).take(edge(3)).skip(edge(1)) {
        for (block, bit) in blocks(millis).into_iter().enumerate() {
            let column = FIRST_COLUMN + block;
            row[edge(column)..edge(column + 1)].fill(if bit { WHITE } else { BLACK });
        }
    }
}

/// Reads the time from the luma plane of a picture, in milliseconds since 1970-01-01T00:00:00Z.
/// `None` when there is no clock, or when it came through too damaged to be believed.
#[must_use]
pub fn read(luma: &[u8], stride: usize, width: usize, height: usize) -> Option<u64> {
    if width < 2 * COLUMNS
        || stride < width
        || height < BAND_CELLS * width / COLUMNS
        || luma.len() < stride * height
    {
        return None;
    }
    let mut levels = [0_u32; BLOCKS];
    for (block, level) in levels.iter_mut().enumerate() {
        *level = average(luma, stride, width, block);
    }
    let [w0, b0, w1, b1] = [levels[0], levels[1], levels[2], levels[3]];
    let [b2, w2, b3, w3] = [levels[60], levels[61], levels[62], levels[63]];
    let white = (w0 + w1 + w2 + w3) / 4;
    let black = (b0 + b1 + b2 + b3) / 4;
    if white < black + LEAST_CONTRAST {
        return None;
    }
    let middle = u32::midpoint(white, black);
    let bits = levels.map(|level| level > middle);
    if bits[..MARK] != [true, false, true, false] || bits[BLOCKS - MARK..] != [false, true, false, true] {
        return None;
    }
    let value = |bits: &[bool]| bits.iter().fold(0_u64, |value, &bit| value << 1 | u64::from(bit));
    let millis = value(&bits[MARK..MARK + TIME_BITS]);
    let check = value(&bits[MARK + TIME_BITS..BLOCKS - MARK]);
    (check == u64::from(crc12(millis))).then_some(millis)
}

fn average(luma: &[u8], stride: usize, width: usize, block: usize) -> u32 {
    // The middle half of a block, in quarters of a cell, at least one pixel.
    let place = |quarters: usize| quarters * width / (4 * COLUMNS);
    let left = place(4 * (FIRST_COLUMN + block) + 1);
    let right = place(4 * (FIRST_COLUMN + block) + 3).max(left + 1);
    let (top, bottom) = (place(6), place(10));
    let mut sum = 0;
    for y in top..bottom {
        sum += luma[y * stride + left..y * stride + right].iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
    }
    sum / u32::try_from((bottom - top) * (right - left)).unwrap_or(1)
}

fn blocks(millis: u64) -> [bool; BLOCKS] {
    let millis = millis & ((1 << TIME_BITS) - 1);
    let row = 0b1010 << 60 | millis << (MARK + CHECK_BITS) | u64::from(crc12(millis)) << MARK | 0b0101;
    std::array::from_fn(|block| row >> (BLOCKS - 1 - block) & 1 == 1)
}

fn crc12(millis: u64) -> u16 {
    (0..TIME_BITS).rev().fold(0xFFF, |crc, bit| {
        let feedback = (crc >> 11 & 1) ^ u16::from(millis >> bit & 1 == 1);
        (crc << 1 & 0xFFF) ^ (feedback * 0x80F)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: u64 = 1_795_262_400_123;

    fn picture(width: usize, height: usize, millis: u64) -> Vec<u8> {
        let mut luma = vec![80; width * height];
        draw(&mut luma, width, width, millis);
        luma
    }

    proptest! {
        #[test]
        fn every_time_survives_noise_and_lost_contrast(
            millis in 0..1_u64 << 44,
            width in prop::sample::select(vec![320_usize, 480, 640, 704, 1280, 1920]),
            seed: u64,
        ) {
            let height = width * 9 / 16;
            let mut luma = picture(width, height, millis);
            let mut state = seed | 1;
            for pixel in &mut luma {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let noise = i16::from((state >> 56) as u8) / 8 - 16;
                *pixel = (i16::from(*pixel) * 2 / 3 + 40 + noise).clamp(0, 255) as u8;
            }
            prop_assert_eq!(read(&luma, width, width, height), Some(millis));
        }

        #[test]
        fn hostile_pictures_do_not_panic(luma in prop::collection::vec(any::<u8>(), 0..70_000), width in 0..400_usize, height in 0..300_usize) {
            let _ = read(&luma, width, width, height);
        }
    }

    #[test]
    fn a_flipped_block_is_not_believed() {
        for block in 0..BLOCKS {
            let mut luma = picture(640, 360, NOON);
            for y in 8..24 {
                for pixel in &mut luma[y * 640 + (8 + block) * 8..][..8] {
                    *pixel = 255 - *pixel;
                }
            }
            assert_eq!(read(&luma, 640, 640, 360), None, "block {block}");
        }
    }

    #[test]
    fn a_picture_without_a_clock_reads_as_none() {
        assert_eq!(read(&vec![128; 640 * 360], 640, 640, 360), None);
        assert_eq!(read(&[], 640, 640, 360), None);
    }

    #[test]
    fn the_check_bits_are_those_of_the_document() {
        // The same vector is in clock.test.mjs.
        assert_eq!(crc12(NOON), 0xBB9);
    }
}
