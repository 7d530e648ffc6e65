import assert from "node:assert/strict";
import { eventually, say, sleep, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";

/** Chromium asks for a key frame about 3 s after the last picture, and is sent the old ones; this covers two calls. In ms. */
const REBURST_MS = 7_000;

export function recoveryTests(world: World): void {
  test("a camera goes away: the tile says so in words and plays again by itself", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.press(id);
    await console.live(id);
    await world.stack.fault(1, "offline");
    await console.says(id, /camera (does not answer|sends no video)/i);
    await world.stack.fault(1, "restore");
    await console.live(id, 30_000);
    await console.clocksAdvance([id]);
  });

  test("a camera that stalls is shown frozen, never fresh", async () => {
    const console = await world.operator();
    const id = world.camera(2);
    await console.press(id);
    await console.live(id);
    await world.stack.fault(2, "stall");
    const words = await console.says(id, /Frozen for \d+ s/, 6_000);
    assert.equal(words.tone, "bad");
    // Neither drawing it again nor the node's sending old pictures again makes it any newer.
    const until = performance.now() + REBURST_MS;
    for (let width = 1_200; performance.now() < until; width += 1) {
      await console.page.setViewportSize({ width, height: 880 });
      const { tone, word } = await console.words(id);
      assert.equal(tone, "bad", word);
      await sleep(100);
    }
    await world.stack.fault(2, "restore");
    await console.live(id, 30_000);
  });

  test("a changed camera password is told at the tile and in the list", async () => {
    const console = await world.operator();
    const id = world.camera(3);
    await world.stack.fault(3, "wrong-password");
    await world.stack.fault(3, "drop");
    try {
      await console.press(id);
      await console.says(id, /does not accept user and password/, 40_000);
      await console.open("cameras");
      await console.page.locator(`tr[data-camera="${id}"]`, { hasText: "does not accept user and password" }).waitFor();
    } finally {
      await world.stack.fault(3, "restore");
    }
  });

  test("the edge is killed: the tile says so and plays again by itself", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.press(id);
    await console.live(id);
    await world.stack.edge.kill();
    await console.says(id, /device at the site is not connected|Frozen|No picture/i);
    await console.says(id, /device at the site is not connected/i, 40_000);
    world.stack.edge.start();
    const began = performance.now();
    await console.live(id, 40_000);
    say(`    live ${Math.round(performance.now() - began)} ms after the edge was started`);
    await console.clocksAdvance([id]);
  });

  test("the hub is killed: tile and console say so, and play again by themselves", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.press(id);
    await console.live(id);
    await world.stack.hub.kill();
    await console.says(id, /hub does not answer/i);
    await console.page.locator(".hub-link", { hasText: "Hub does not answer" }).waitFor({ timeout: 20_000 });
    world.stack.hub.start();
    const began = performance.now();
    await world.stack.answers();
    await console.live(id, 60_000);
    say(`    live ${Math.round(performance.now() - began)} ms after the hub was started`);
    await console.clocksAdvance([id]);
    await eventually(20_000, async () => { assert.match(await console.page.innerText(".hub-link"), /Connected/); });
  });
}
