import assert from "node:assert/strict";
import { newContext } from "../harness/browser.ts";
import { ConsolePage } from "../harness/console_page.ts";
import { sample } from "../harness/metrics.ts";
import { say, sleep, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";

/** The linger after the last viewer, by the design's default, in ms. */
const LINGER_MS = 15_000;
/** A killed browser says nothing: the node misses it after this, in ms. */
const SILENCE_MS = 5_000;
/** Room for one more second, as promised, and for polling on a busy machine. In ms. */
const SLACK_MS = 2_500;
/** How long the silence is listened to, in ms. */
const LISTEN_MS = 3_000;

export function leavingTests(world: World): void {
  test("the last viewer stops: the feed closes after the linger and the link goes silent", async () => {
    const console = await world.operator();
    const id = world.camera(4);
    await console.press(id);
    await console.live(id);
    await console.press(id);
    await goesSilent(world, LINGER_MS + SLACK_MS);
  });

  test("the last tab is closed: the link goes silent", async () => {
    const console = await world.operator();
    const id = world.camera(4);
    await console.press(id);
    await console.live(id);
    await console.page.close({ runBeforeUnload: false });
    await goesSilent(world, LINGER_MS + SLACK_MS);
  });

  test("the last browser is killed: the link goes silent", async () => {
    const browser = await world.ownBrowser();
    const console = await ConsolePage.signedIn(await newContext(browser), world.stack);
    const id = world.camera(4);
    await console.press(id);
    await console.live(id);
    const session = await browser.newBrowserCDPSession();
    await session.send("Browser.crash").catch(() => undefined);
    await goesSilent(world, SILENCE_MS + LINGER_MS + SLACK_MS);
    await browser.close().catch(() => undefined);
  });

  test("leaving the wall for another page stops every feed, and returning plays them again", async () => {
    const console = await world.operator();
    const id = world.camera(4);
    await console.press(id);
    await console.live(id);
    await console.page.getByRole("link", { name: "Cameras", exact: true }).click();
    await goesSilent(world, LINGER_MS + SLACK_MS);
    await console.page.getByRole("link", { name: "Wall", exact: true }).click();
    await console.live(id);
  });
}

/** No feed within `ms`, and then not one byte of media. */
async function goesSilent(world: World, ms: number): Promise<void> {
  const began = performance.now();
  await world.silence(ms);
  say(`    silent after ${Math.round(performance.now() - began)} ms`);
  const before = sample(await world.stack.hubMetrics(), "sluice_node_media_bytes_total");
  await sleep(LISTEN_MS);
  assert.equal(sample(await world.stack.hubMetrics(), "sluice_node_media_bytes_total"), before, "media bytes while nobody watches");
}
