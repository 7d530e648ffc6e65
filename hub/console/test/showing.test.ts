import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { PlaySession } from "../src/player/session.ts";
import { Teller, type Showing } from "../src/player/showing.ts";

const SESSION: PlaySession = { id: "s", protocol: "webrtc", tier: "sub", url: "", token: "", iceServers: [], fallbacks: [], freshUntil: 0, why: [] };

function teller(): { readonly teller: Teller; readonly told: Showing[] } {
  const told: Showing[] = [];
  return { teller: new Teller((_session, showing) => told.push(showing)), told };
}

test("a tile that is drawn larger is told once, when it stands still", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { teller: one, told } = teller();
  one.show({ width: 480, height: 270 });
  one.asked();
  for (let width = 500; width <= 1_900; width += 100) {
    one.show({ width, height: width / 2 });
    one.settle(SESSION);
    mock.timers.tick(50);
  }
  assert.deepEqual(told, []);
  mock.timers.tick(150);
  assert.deepEqual(told, [{ width: 1_900, height: 950, focus: false, zoom: 1, visible: true }]);
  one.settle(SESSION);
  mock.timers.tick(1_000);
  assert.equal(told.length, 1);
  mock.timers.reset();
});

test("pictures that come all the time do not put it off", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { teller: one, told } = teller();
  one.asked();
  one.show({ width: 480, height: 270 });
  one.show({ focus: true });
  for (let frame = 0; frame < 10; frame += 1) {
    one.settle(SESSION);
    mock.timers.tick(40);
  }
  assert.deepEqual(told, [{ width: 480, height: 270, focus: true, zoom: 1, visible: true }]);
  mock.timers.reset();
});

test("the size that a session was asked with is not told again, and none without a session", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { teller: one, told } = teller();
  one.asked();
  one.show({ width: 480, height: 270 });
  one.settle(SESSION);
  mock.timers.tick(1_000);
  one.show({ width: 900 });
  one.settle(SESSION);
  one.settle(undefined);
  mock.timers.tick(1_000);
  assert.deepEqual(told, []);
  mock.timers.reset();
});
