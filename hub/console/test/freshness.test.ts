import assert from "node:assert/strict";
import test from "node:test";
import { capturedAt, judge, parseMessage, type Anchor, type Evidence } from "../src/player/freshness.ts";

const anchor: Anchor = { rtp: 90_000, capturedAtMs: 1_000_000, learnedAt: 5_000 };
const good: Evidence = { now: 5_500, serverUnixMs: 1_000_540, anchor, rtp: 90_000 + 45_000, pictureAt: 5_490, lateAboveMs: 2_000 };

test("the age is the hub's time less the picture's capture time", () => {
  assert.deepEqual(judge(good), { kind: "live", ageMs: 40 });
});

test("capture time holds across the wrap of the RTP timestamp, both ways", () => {
  const nearEnd: Anchor = { rtp: 0xffff_fff0, capturedAtMs: 1_000, learnedAt: 0 };
  assert.equal(capturedAt(nearEnd, (0xffff_fff0 + 9_000) >>> 0), 1_100);
  const justAfter: Anchor = { rtp: 10, capturedAtMs: 1_000, learnedAt: 0 };
  assert.equal(capturedAt(justAfter, (10 - 9_000) >>> 0), 900);
});

test("a moving picture older than the bound is late", () => {
  assert.equal(judge({ ...good, serverUnixMs: 1_003_000 }).kind, "late");
});

test("without the hub's clock, an anchor or a picture the age is unknown, never fresh", () => {
  assert.equal(judge({ ...good, serverUnixMs: undefined }).kind, "unknown");
  assert.equal(judge({ ...good, anchor: undefined }).kind, "unknown");
  assert.equal(judge({ ...good, rtp: undefined }).kind, "unknown");
  assert.equal(judge({ ...good, pictureAt: undefined }).kind, "unknown");
});

test("an anchor that was not renewed says nothing about newer pictures", () => {
  assert.equal(judge({ ...good, now: 11_000, pictureAt: 10_990 }).kind, "unknown");
});

test("a picture from the future is a broken clock, not a fresh picture", () => {
  assert.equal(judge({ ...good, serverUnixMs: 998_000 }).kind, "unknown");
  assert.deepEqual(judge({ ...good, serverUnixMs: 1_000_480 }), { kind: "live", ageMs: 0 });
});

test("a picture that stands still is frozen and keeps growing older", () => {
  const frozen = judge({ ...good, now: 65_500, serverUnixMs: 1_060_540 });
  assert.deepEqual(frozen, { kind: "frozen", ageMs: 60_040, stillMs: 60_010 });
  assert.deepEqual(judge({ ...good, anchor: undefined, now: 65_500 }), { kind: "frozen", stillMs: 60_010 });
});

test("only a whole freshness message is read", () => {
  assert.deepEqual(parseMessage('{"rtp":7,"captured_at_ms":9,"node_now_ms":10}'), { rtp: 7, capturedAtMs: 9 });
  for (const text of ["", "{}", "null", "[]", '{"rtp":"7","captured_at_ms":9}', '{"rtp":7}', '{"rtp":1e999,"captured_at_ms":9}']) assert.equal(parseMessage(text), undefined, text);
});
