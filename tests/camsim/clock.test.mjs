// node --test tests/camsim/clock.test.mjs
import assert from "node:assert/strict";
import test from "node:test";
import { crc12, readClock } from "./clock.mjs";

const NOON = 1795262400123;

function picture(width, height, millis) {
  const rgba = new Uint8ClampedArray(4 * width * height).fill(112);
  const time = [...millis.toString(2).padStart(44, "0")].map(Number);
  const check = [...crc12(time).toString(2).padStart(12, "0")].map(Number);
  const blocks = [1, 0, 1, 0, ...time, ...check, 0, 1, 0, 1];
  const edge = (cells) => Math.floor((cells * width) / 80);
  blocks.forEach((bit, block) => {
    for (let y = edge(1); y < edge(3); y++) {
      for (let x = edge(8 + block); x < edge(9 + block); x++) rgba.fill(bit ? 210 : 40, 4 * (y * width + x), 4 * (y * width + x) + 3);
    }
  });
  return rgba;
}

test("the check bits are those of src/clock.rs", () => {
  assert.equal(crc12([...NOON.toString(2).padStart(44, "0")].map(Number)), 0xbb9);
});

test("a clock is read at every size, and only from the row that is needed", () => {
  for (const [width, height] of [[320, 180], [640, 360], [640, 32], [1280, 720]]) {
    assert.equal(readClock(picture(width, height, NOON), width, height), NOON);
  }
});

test("a picture without a clock, or with a wrong bit, is null", () => {
  const rgba = picture(640, 360, NOON);
  assert.equal(readClock(new Uint8ClampedArray(4 * 640 * 360), 640, 360), null);
  for (let y = 8; y < 24; y++) for (let x = 160; x < 168; x++) for (let c = 0; c < 3; c++) rgba[4 * (y * 640 + x) + c] = 250 - rgba[4 * (y * 640 + x) + c];
  assert.equal(readClock(rgba, 640, 360), null);
});
