import assert from "node:assert/strict";
import test from "node:test";
import { needed } from "../src/player/ahead.ts";

/** Parts of 200 ms; a key frame begins each of the named ones. */
function parts(count: number, keys: readonly number[], gaps = 0): Parameters<typeof needed>[0] {
  return Array.from({ length: count }, (_, at) => ({ url: `${at}`, start: at * 0.2, independent: keys.includes(at), gap: at < gaps }));
}

test("a start needs everything from the key frame before it", () => {
  assert.deepEqual(needed(parts(30, [0, 20]), 5.4), ["20", "21", "22", "23", "24", "25", "26", "27", "28", "29"]);
});

test("right behind a key frame it needs the group of pictures before", () => {
  assert.deepEqual(needed(parts(22, [0, 20]), 3.8).length, 22);
});

test("what is not there is not asked for", () => {
  assert.deepEqual(needed(parts(5, [0, 2], 2), 0.2), ["2", "3", "4"]);
  assert.deepEqual(needed(parts(4, [], 0), 0.2), []);
});

test("a very long group of pictures is not fetched whole", () => {
  assert.equal(needed(parts(200, [0]), 39.4).length, 50);
});
