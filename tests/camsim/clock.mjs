// Reads the clock that sluice-camsim burns into its pictures; the layout is in src/clock.rs.
const COLUMNS = 80;
const FIRST_COLUMN = 8;
const BLOCKS = 64;
const LEAST_CONTRAST = 48;
const MARKS = [[0, 1], [1, 0], [2, 1], [3, 0], [60, 0], [61, 1], [62, 0], [63, 1]];

/// Milliseconds since 1970 from the pixels of a canvas (`getImageData(...).data`), or null.
export function readClock(rgba, width, height) {
  if (width < 2 * COLUMNS || height < (4 * width) / COLUMNS) return null;
  const levels = Array.from({ length: BLOCKS }, (_, block) => level(rgba, width, block));
  const mean = (bit) => MARKS.filter(([, is]) => is === bit).reduce((sum, [block]) => sum + levels[block], 0) / 4;
  const [white, black] = [mean(1), mean(0)];
  if (white < black + LEAST_CONTRAST) return null;
  const bits = levels.map((value) => (value > (white + black) / 2 ? 1 : 0));
  if (MARKS.some(([block, bit]) => bits[block] !== bit)) return null;
  const time = bits.slice(4, 48);
  const check = bits.slice(48, 60).reduce((value, bit) => value * 2 + bit, 0);
  if (check !== crc12(time)) return null;
  return time.reduce((value, bit) => value * 2 + bit, 0);
}

/// The clock of what a video element shows now, or null. `canvas` is reused between calls.
export function readVideoClock(video, canvas = document.createElement("canvas")) {
  const { videoWidth: width, videoHeight } = video;
  if (!width) return null;
  const height = Math.min(videoHeight, Math.ceil((4 * width) / COLUMNS));
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0, width, height, 0, 0, width, height);
  return readClock(context.getImageData(0, 0, width, height).data, width, height);
}

function level(rgba, width, block) {
  const place = (quarters) => Math.floor((quarters * width) / (4 * COLUMNS));
  const left = place(4 * (FIRST_COLUMN + block) + 1);
  const right = Math.max(place(4 * (FIRST_COLUMN + block) + 3), left + 1);
  let sum = 0;
  for (let y = place(6); y < place(10); y++) {
    for (let x = left; x < right; x++) sum += rgba[4 * (y * width + x) + 1];
  }
  return sum / ((place(10) - place(6)) * (right - left));
}

export function crc12(bits) {
  return bits.reduce((crc, bit) => ((crc << 1) & 0xfff) ^ (((crc >> 11) & 1) ^ bit ? 0x80f : 0), 0xfff);
}
