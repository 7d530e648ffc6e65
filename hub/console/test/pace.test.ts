import assert from "node:assert/strict";
import test from "node:test";
import { Pace } from "../src/player/pace.ts";

/** Parts of 200 ms that come `lateS` after they are whole; plays for some seconds and answers how far behind it is, and stalls. */
function play(startBehindS: number, lateS: number, seconds: number): { readonly behindS: number; readonly stalls: number; readonly fastest: number } {
  const pace = new Pace();
  const HOLD_BACK_S = 0.6;
  let position = -HOLD_BACK_S - startBehindS;
  let [stalls, fastest, rate] = [0, 1, 1];
  for (let ms = 0; ms < seconds * 1_000; ms += 20) {
    const nowS = ms / 1_000;
    const buffered = Math.floor((nowS - lateS) / 0.2) * 0.2;
    if (position + (rate * 20) / 1_000 > buffered) stalls += 1;
    else position += (rate * 20) / 1_000;
    if (ms % 100 === 0) rate = pace.rate(ms, nowS - HOLD_BACK_S - position, buffered - position);
    fastest = Math.max(fastest, rate);
  }
  return { behindS: seconds - HOLD_BACK_S - position, stalls, fastest };
}

test("a player comes to its place and stays there, without running dry", () => {
  for (const start of [0.15, 0.4, 1, 3]) {
    const { behindS, stalls } = play(start, 0.02, 12);
    assert.ok(behindS < 0.12 && behindS > -0.05, `from ${start} s: ${behindS} s behind`);
    assert.equal(stalls, 0, `from ${start} s`);
  }
});

test("a slow way leaves it further behind rather than without pictures", () => {
  const { behindS, stalls } = play(0.8, 0.4, 15);
  assert.equal(stalls, 0);
  assert.ok(behindS > 0.1 && behindS < 0.8, `${behindS} s behind`);
});

test("it never plays faster than half as fast again, and not faster at all for a trifle", () => {
  assert.equal(play(5, 0.02, 4).fastest, 1.5);
  assert.equal(play(0.08, 0.02, 4).fastest, 1);
});
