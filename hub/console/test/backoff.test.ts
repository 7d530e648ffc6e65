import assert from "node:assert/strict";
import test from "node:test";
import { FIRST_WAIT_MS, LONGEST_WAIT_MS, waitMs } from "../src/player/backoff.ts";

test("every wait lies between half a second and ten seconds", () => {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    for (const random of [0, 0.3, 0.999]) {
      const wait = waitMs(attempt, random);
      assert.ok(wait >= FIRST_WAIT_MS && wait <= LONGEST_WAIT_MS, `attempt ${attempt}: ${wait}`);
    }
  }
});

test("waits grow, and two players that failed together come back apart", () => {
  assert.ok(waitMs(4, 0) > waitMs(1, 0));
  assert.notEqual(waitMs(4, 0.1), waitMs(4, 0.9));
});
