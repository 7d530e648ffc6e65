import assert from "node:assert/strict";
import { cpus, loadavg } from "node:os";
import type { ConsolePage } from "../harness/console_page.ts";
import { sample } from "../harness/metrics.ts";
import { OddCamera } from "../harness/odd_camera.ts";
import { eventually, say, sleep, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";
import type { Watched } from "../page/probe.ts";

const SWITCHES = 20;
/** The virtual cameras film 15 pictures a second. */
const PERIOD_MS = 1_000 / 15;
/** A picture that stands longer than this beyond the camera's own period is frozen, in ms. */
const FROZEN_MS = 200;
/** What LL-HLS needs after its start to come to its place behind life, in ms. */
const SETTLED_MS = 5_000;
/** With more programs than this waiting for each processor a camera made of software misses pictures of its own. */
const TOO_BUSY = 2;
/** Longer than a player that misses its picture waits until it asks for another session, in ms. */
const HIDDEN_MS = 35_000;
/** Ten seconds a round: five until a smaller picture is taken, two GOPs. */
const LIMIT_MS = 240_000;

export function tierTests(world: World): void {
  test("twenty switches between the tiers of a camera show no black, no frozen and no older picture", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.press(id);
    await console.live(id);
    await console.showsTier(id, "sub");
    const before = await world.stack.hubMetrics();
    await console.watch(id);
    for (let done = 0; done < SWITCHES; done += 1) {
      await console.enlarge(id);
      await console.showsTier(id, done % 2 === 0 ? "main" : "sub");
    }
    await console.clocksAdvance([id]);
    const seen = await console.watched(id);
    const after = await world.stack.hubMetrics();
    const counted = (name: string): number => sample(after, name) - sample(before, name);
    tell(seen, counted("sluice_node_tier_switches_total"), counted("sluice_node_double_feed_milliseconds_total"));
    assert.equal(counted("sluice_node_tier_switches_total"), SWITCHES);
    assert.equal(counted("sluice_node_tier_switches_failed_total"), 0);
    assert.equal(counted("sluice_node_sessions_opened_total"), 0, "all within one session");
    unbroken(seen);
    assert.ok(new Set(seen.frames.map(({ width }) => width)).size >= 2, "both sizes were shown");
  }, LIMIT_MS);

  test("a tile that grows without being enlarged gets the larger tier by its size alone", async () => {
    const console = await world.operator();
    const id = world.camera(2);
    await console.press(id);
    await console.live(id);
    await console.showsTier(id, "sub");
    await console.page.setViewportSize({ width: 2_560, height: 1_800 });
    await console.showsTier(id, "main");
    await console.live(id);
    await console.clocksAdvance([id]);
  });

  test("over LL-HLS a tile that is enlarged goes over to the larger tier with no black, no frozen and no older picture", async () => {
    const console = await world.operator();
    const id = world.camera(3);
    await console.choose(id, "ll-hls");
    await console.press(id);
    await console.live(id);
    await console.showsTier(id, "sub");
    await sleep(SETTLED_MS);
    await console.watch(id);
    await console.enlarge(id);
    await console.showsTier(id, "main", 40_000);
    await console.clocksAdvance([id]);
    await sleep(2_000);
    const seen = await console.watched(id);
    tell(seen, 1, 0);
    unbroken(seen);
    assert.equal(await console.page.locator(`.tile[data-camera="${id}"] video`).count(), 1, "the first element is gone");
    const { body } = await world.stack.call("GET", "/sessions");
    const sessions = (body.items as { camera_id: string; tier: string }[]).filter((session) => session.camera_id === id);
    assert.deepEqual(sessions.map(({ tier }) => tier), ["main"], "one session, of the tier it shows");
  });

  test("a camera whose main tier this browser does not decode is enlarged in its sub tier, and the tile says why", async () => {
    const camera = await OddCamera.start(world.stack, "Two codecs", ["--main-codec", "h265"], "1280x720");
    try {
      const console = await world.operator();
      await console.layout(9);
      await console.page.waitForSelector(`.tile[data-camera="${camera.id}"]`);
      await console.press(camera.id);
      await console.live(camera.id);
      await console.enlarge(camera.id);
      const why = console.page.locator(`.tile[data-camera="${camera.id}"] .tile-why`);
      await eventually(5_000, async () => { assert.match((await why.textContent()) ?? "", /in a form this program does not play/); });
      await stays(console, camera.id, "sub", 2_000);
      await console.live(camera.id);
    } finally {
      await camera.end();
    }
  });

  test("a page that nobody sees lets its feeds go, and plays on in the same sessions when somebody does", async () => {
    const console = await world.operator();
    const id = world.camera(4);
    await console.press(id);
    await console.live(id);
    const sessions = async (): Promise<unknown[]> => {
      const { body } = await world.stack.call("GET", "/sessions");
      return (body.items as { id: string; camera_id: string }[]).filter((session) => session.camera_id === id).map((session) => session.id);
    };
    const before = await sessions();
    await hide(console, true);
    await world.silence(30_000);
    await sleep(HIDDEN_MS);
    assert.deepEqual(await sessions(), before, "the session is held");
    await hide(console, false);
    const began = performance.now();
    await console.live(id, 5_000);
    say(`    live ${Math.round(performance.now() - began)} ms after the page was looked at again`);
    await console.clocksAdvance([id]);
    assert.deepEqual(await sessions(), before, "in the same session");
  });

  test("an operator who looks in for a moment only leaves the tier as it was", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.press(id);
    await console.live(id);
    await console.enlarge(id);
    await console.showsTier(id, "main");
    const switched = async (): Promise<number> => sample(await world.stack.hubMetrics(), "sluice_node_tier_switches_total");
    const before = await switched();
    await console.enlarge(id);
    await stays(console, id, "main", 2_000);
    await console.enlarge(id);
    await stays(console, id, "main", 5_000);
    assert.equal(await switched(), before);
  });
}

async function stays(console: ConsolePage, id: string, tier: string, ms: number): Promise<void> {
  for (const until = performance.now() + ms; performance.now() < until; await sleep(100)) {
    const { source } = await console.words(id);
    assert.ok(source.includes(` · ${tier}`), source);
  }
}

/** Lets a page believe that its tab was put behind another, or before it again. */
async function hide({ page }: ConsolePage, hidden: boolean): Promise<void> {
  await page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

/** How long each picture stood, ms; of several that the page was told of at once, each a part. */
function stood({ frames }: Watched): number[] {
  return frames.slice(1).map((frame, at) => {
    const last = frames[at] ?? frame;
    return (frame.at - last.at) / Math.max(1, frame.count - last.count);
  });
}

function tell(seen: Watched, switches: number, doubleMs: number): void {
  const longest = Math.max(...stood(seen));
  say(`    ${switches} switches: ${seen.frames.length} pictures, ${seen.black} black of ${seen.looks} looks, the longest stood ${longest.toFixed(0)} ms, two feeds for ${(doubleMs / Math.max(1, switches)).toFixed(0)} ms each`);
}

/** Nobody in front of the screen saw a switch. */
export function unbroken(seen: Watched): void {
  assert.equal(seen.black, 0, "black pictures");
  const frozen = stood(seen).filter((ms) => ms > PERIOD_MS + FROZEN_MS);
  const busy = (loadavg()[0] ?? 0) / cpus().length;
  if (busy > TOO_BUSY && frozen.length > 0) say(`    ${frozen.length} frozen pictures are not judged: ${busy.toFixed(1)} programs wait for each processor, the camera's among them`);
  else assert.deepEqual(frozen, [], "frozen pictures, ms");
  const read = seen.frames.flatMap(({ clock }) => (clock === null ? [] : [clock]));
  assert.ok(read.length >= seen.frames.length * 0.95, `${seen.frames.length - read.length} of ${seen.frames.length} pictures have no clock that can be read`);
  const back = read.slice(1).filter((clock, at) => clock < (read[at] ?? clock));
  assert.deepEqual(back, [], "pictures older than the one before");
}
