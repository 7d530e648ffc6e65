import assert from "node:assert/strict";
import test from "node:test";
import { capturedAt, judge, parseMessage, PictureWatch, type Anchor, type Evidence } from "../src/player/freshness.ts";

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

test("pictures of before a leap of RTP time keep their age, and those after it have theirs", () => {
  const leap = 1_800_000_000;
  const told: Anchor = { rtp: (90_000 + leap) >>> 0, capturedAtMs: 1_000_600, learnedAt: 5_600, before: anchor };
  assert.equal(capturedAt(told, 90_000 + 45_000), 1_000_500);
  assert.equal(capturedAt(told, (90_000 + leap + 9_000) >>> 0), 1_000_700);
  const watch = new PictureWatch();
  assert.equal(watch.isNew(5_500, 90_000 + 45_000, anchor), true);
  assert.equal(watch.isNew(5_550, 90_000 + 49_500, told), true);
  assert.equal(watch.isNew(5_640, (90_000 + leap) >>> 0, told), true);
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
  // An anchor lives 15 s.
  assert.equal(judge({ ...good, now: 20_500, pictureAt: 20_490 }).kind, "unknown");
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

test("a picture is new when its capture time moves, whatever its timestamp does", () => {
  for (const frames of [29, 30]) {
    const watch = new PictureWatch();
    let rtp = 90_000;
    let now = 0;
    let fresh = 0;
    for (let frame = 0; frame < frames; frame += 1) fresh += Number(watch.isNew((now += 33), (rtp += 3_000), anchor));
    assert.ok(fresh >= 14, `${fresh} of ${frames} pictures at 30 fps were new`);
    assert.equal(watch.isNew((now += 33), rtp, anchor), false, "drawn again");
    const newest = capturedAt(anchor, rtp);
    now += 3_000;
    for (let frame = 0; frame < 50; frame += 1) assert.equal(watch.isNew((now += 1), (rtp += 68), anchor), false, "sent again, squeezed");
    const told: Anchor = { rtp, capturedAtMs: newest, learnedAt: now };
    now += 3_000;
    for (let frame = 0; frame < 50; frame += 1) assert.equal(watch.isNew((now += 1), (rtp += 68), told), false, "and once more");
    assert.equal(watch.isNew((now += 33), (rtp += 90_000), told), true, "the camera is back");
  }
});

test("a backlog that comes after a pause is new, if old", () => {
  const watch = new PictureWatch();
  watch.isNew(0, 90_000, anchor);
  const shown = [1, 2, 7, 8, 9, 10].map((frame) => watch.isNew(5_000 + frame, 90_000 + frame * 3_000, anchor));
  assert.deepEqual(shown, [false, false, false, true, false, true], "from what cannot be a repetition on");
});

test("a clock at the site that is set back does not freeze the picture for ever", () => {
  const watch = new PictureWatch();
  assert.equal(watch.isNew(0, 100_000, anchor), true);
  const back: Anchor = { rtp: 110_000, capturedAtMs: anchor.capturedAtMs - 3_600_000, learnedAt: 6_000 };
  assert.equal(watch.isNew(100, 110_000, back), true);
});

test("before the first message every other timestamp is a new picture", () => {
  const watch = new PictureWatch();
  assert.equal(watch.isNew(0, 1, undefined), true);
  assert.equal(watch.isNew(33, 1, undefined), false);
  assert.equal(watch.isNew(66, 2, undefined), true);
});

test("only a whole freshness message is read", () => {
  assert.deepEqual(parseMessage('{"rtp":7,"captured_at_ms":9,"node_now_ms":10}'), { rtp: 7, capturedAtMs: 9 });
  for (const text of ["", "{}", "null", "[]", '{"rtp":"7","captured_at_ms":9}', '{"rtp":7}', '{"rtp":1e999,"captured_at_ms":9}']) assert.equal(parseMessage(text), undefined, text);
});

void test("pictures sent again are old also where the last ones before the pause were never shown", () => {
  const watch = new PictureWatch();
  const anchor: Anchor = { rtp: 0, capturedAtMs: 10_000, learnedAt: 0 };
  assert.equal(watch.isNew(1_000, 90_000, anchor), true);
  // Two pictures of a 15 fps camera came and were skipped by a busy page; then the node repeats, behind the last of them.
  const unseen = 90_000 + 2 * 6_000;
  for (let step = 1; step <= 35; step += 1) assert.equal(watch.isNew(4_000 + step, unseen + step * 90, anchor), false);
  assert.equal(watch.isNew(4_100, 90_000 + 3_000 * 90, anchor), true);
});
