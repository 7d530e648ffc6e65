import assert from "node:assert/strict";
import test from "node:test";
import { directionOf, PtzHold, REPEAT_EVERY_MS, type PtzInput, type PtzOrder } from "../src/app/ptz_hold.ts";

/** Feeds inputs at their instants and answers the orders that came of each. */
function run(hold: PtzHold, ...steps: readonly (readonly [number, PtzInput])[]): PtzOrder[] {
  const orders: PtzOrder[] = [];
  for (const [now, input] of steps) {
    hold.handle(now, input);
    for (let order = hold.poll(); order; order = hold.poll()) orders.push(order);
  }
  return orders;
}

const move = (pan: number, tilt: number, zoom: number): PtzOrder => ({ kind: "move", motion: { pan, tilt, zoom } });
const stop: PtzOrder = { kind: "stop" };
const pressed = (direction: "left" | "right" | "up" | "in"): PtzInput => ({ kind: "pressed", direction });
const released = (direction: "left" | "right" | "up" | "in"): PtzInput => ({ kind: "released", direction });
const answered: PtzInput = { kind: "answered" };

test("a key that is held moves, is told again in time, and its release stops", () => {
  const hold = new PtzHold(0.5);
  assert.deepEqual(run(hold, [0, pressed("left")]), [move(-0.5, 0, 0)]);
  assert.deepEqual(run(hold, [50, answered]), []);
  assert.equal(hold.deadline(), REPEAT_EVERY_MS);
  assert.deepEqual(run(hold, [REPEAT_EVERY_MS, { kind: "tick" }]), [move(-0.5, 0, 0)]);
  assert.deepEqual(run(hold, [500, answered], [600, released("left")]), [stop]);
  assert.deepEqual(run(hold, [650, answered], [5_000, { kind: "tick" }]), []);
  assert.equal(hold.deadline(), undefined);
});

test("a short tap stops too, though the hub had not answered the move yet", () => {
  const hold = new PtzHold(1);
  assert.deepEqual(run(hold, [0, pressed("up")], [20, released("up")]), [move(0, 1, 0)]);
  assert.deepEqual(run(hold, [300, answered]), [stop]);
});

test("one order is on the way at a time, and the newest wish wins", () => {
  const hold = new PtzHold(1);
  const orders = run(hold, [0, pressed("left")], [10, pressed("up")], [20, pressed("in")], [30, released("left")]);
  assert.deepEqual(orders, [move(-1, 0, 0)]);
  assert.equal(hold.deadline(), undefined, "nothing is told again before the answer");
  assert.deepEqual(run(hold, [700, answered]), [move(0, 1, 1)]);
});

test("opposite keys: the later one counts", () => {
  const hold = new PtzHold(1);
  run(hold, [0, pressed("left")], [10, answered]);
  assert.deepEqual(run(hold, [20, pressed("right")]), [move(1, 0, 0)]);
});

test("whoever lets go of everything stops the camera, once", () => {
  const hold = new PtzHold(1);
  run(hold, [0, pressed("left")], [1, pressed("up")], [10, answered], [11, answered]);
  assert.deepEqual(run(hold, [20, { kind: "let-go" }], [21, { kind: "let-go" }], [30, answered], [40, released("left")]), [stop]);
});

test("another speed is told at once while moving, and moves nothing by itself", () => {
  const hold = new PtzHold(0.25);
  assert.deepEqual(run(hold, [0, { kind: "speed", speed: 0.5 }]), []);
  run(hold, [10, pressed("in")], [20, answered]);
  assert.deepEqual(run(hold, [30, { kind: "speed", speed: 1 }]), [move(0, 0, 1)]);
});

test("arrow keys, plus and minus have directions, letters have none", () => {
  assert.deepEqual(["ArrowLeft", "ArrowUp", "+", "=", "-", "a", "Enter"].map(directionOf), ["left", "up", "in", "in", "out", undefined, undefined]);
});
