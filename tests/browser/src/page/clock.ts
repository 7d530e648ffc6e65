/**
 * Reads the clock that virtual cameras burn into their pictures. The layout is documented at
 * `tests/camsim/src/clock.rs`: 64 blocks of 1 x 2 cells from cell 8, a cell being 1/80 of the width.
 */

const COLUMNS = 80;
const FIRST_COLUMN = 8;
const BLOCKS = 64;
const MARK = 4;
const TIME_BITS = 44;
const CHECK_BITS = 12;
export const BAND_CELLS = 4;
const LEAST_CONTRAST = 48;

/** The time of a picture (unix ms) from the RGBA pixels of its band, or undefined where there is no clock to believe. */
export function readClock(pixels: Uint8ClampedArray, width: number): number | undefined {
  const levels = Array.from({ length: BLOCKS }, (_, block) => level(pixels, width, block));
  const at = (block: number): number => levels[block] ?? 0;
  const white = (at(0) + at(2) + at(61) + at(63)) / 4;
  const black = (at(1) + at(3) + at(60) + at(62)) / 4;
  if (white < black + LEAST_CONTRAST) return undefined;
  const bits = levels.map((value) => value > (white + black) / 2);
  if (bits.slice(0, MARK).join() !== "true,false,true,false" || bits.slice(-MARK).join() !== "false,true,false,true") return undefined;
  const time = bits.slice(MARK, MARK + TIME_BITS);
  const check = bits.slice(MARK + TIME_BITS, MARK + TIME_BITS + CHECK_BITS).reduce((value, bit) => value * 2 + Number(bit), 0);
  return crc12(time) === check ? time.reduce((value, bit) => value * 2 + Number(bit), 0) : undefined;
}

/** Average luma of the middle half of a block. */
function level(pixels: Uint8ClampedArray, width: number, block: number): number {
  const place = (quarters: number): number => Math.floor((quarters * width) / (4 * COLUMNS));
  const left = place(4 * (FIRST_COLUMN + block) + 1);
  const right = Math.max(place(4 * (FIRST_COLUMN + block) + 3), left + 1);
  let sum = 0;
  let count = 0;
  for (let y = place(6); y < place(10); y += 1) {
    for (let x = left; x < right; x += 1) {
      const pixel = (y * width + x) * 4;
      sum += 0.299 * (pixels[pixel] ?? 0) + 0.587 * (pixels[pixel + 1] ?? 0) + 0.114 * (pixels[pixel + 2] ?? 0);
      count += 1;
    }
  }
  return sum / Math.max(count, 1);
}

/** CRC-12, polynomial 0x80F, start 0xFFF, not reflected. */
function crc12(bits: readonly boolean[]): number {
  return bits.reduce((crc, bit) => {
    const feedback = ((crc >> 11) & 1) ^ Number(bit);
    return ((crc << 1) & 0xfff) ^ (feedback * 0x80f);
  }, 0xfff);
}
