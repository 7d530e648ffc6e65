import assert from "node:assert/strict";
import test from "node:test";
import { ServerClock } from "../src/player/clock.ts";

test("nothing is known before the first exchange", () => {
  assert.equal(new ServerClock().serverTime(10), undefined);
});

test("the exchange with the shortest round trip wins", () => {
  const clock = new ServerClock();
  clock.learn({ sentAt: 0, receivedAt: 400, serverUnixMs: 1_000_390 });
  clock.learn({ sentAt: 500, receivedAt: 510, serverUnixMs: 1_000_505 });
  clock.learn({ sentAt: 600, receivedAt: 900, serverUnixMs: 1_000_610 });
  assert.equal(clock.serverTime(1_000), 1_001_000);
  assert.ok((clock.uncertainty(1_000) ?? Infinity) < 6);
});

test("an old exchange, however quick, gives way to a fresh one as clocks drift apart", () => {
  const clock = new ServerClock();
  clock.learn({ sentAt: 0, receivedAt: 2, serverUnixMs: 5_001 });
  const later = 600_000;
  clock.learn({ sentAt: later, receivedAt: later + 20, serverUnixMs: 5_000 + later + 10 + 30 });
  assert.equal(clock.serverTime(later + 20), 5_000 + later + 20 + 30);
});

test("an answer from before its question is not believed", () => {
  const clock = new ServerClock();
  clock.learn({ sentAt: 100, receivedAt: 50, serverUnixMs: 1 });
  assert.equal(clock.serverTime(100), undefined);
});
