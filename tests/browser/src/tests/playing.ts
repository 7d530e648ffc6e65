import assert from "node:assert/strict";
import type { ConsolePage } from "../harness/console_page.ts";
import { sample } from "../harness/metrics.ts";
import { eventually, say, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";

/** What reading an age and a clock one after the other may differ by, and a busy machine besides. In ms. */
const READING_SLACK_MS = 400;
/** A join may leave this much more delay than there is later. In ms. */
const JOIN_SLACK_MS = 60;

export function playingTests(world: World): void {
  test("four tiles play over HTTPS and their clocks advance", async () => {
    const console = await world.operator();
    await console.pressAll();
    for (const id of world.allCameras) await console.live(id);
    await console.clocksAdvance(world.allCameras);
  });

  test("a tile tells name, protocol, tier and the true age of its picture", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.press(id);
    await console.live(id);
    await assertTrueAge(console, id);
    const words = await console.words(id);
    assert.equal(words.name, "Camera 1");
    assert.match(words.source, /WebRTC · (main|sub)/);
    assert.match(words.age, /^age \d/);
  });

  test("a browser whose clock is an hour off still shows the true age", async () => {
    const console = await world.operator(HOUR_OFF);
    const id = world.camera(1);
    const off = await console.page.evaluate(() => Date.now() - (window.trueTimeOrigin ?? 0) - performance.now());
    assert.ok(Math.abs(off - 3_600_000) < 1_000, `the page's clock is ${off} ms off`);
    await console.press(id);
    await console.live(id);
    await assertTrueAge(console, id);
  });

  test("a second viewer joins the warm feed, and nothing is opened for it", async () => {
    const first = await world.operator();
    const id = world.camera(1);
    await first.press(id);
    await first.live(id);
    const opened = sample(await world.stack.hubMetrics(), "sluice_node_feeds_opened_total");
    const second = await world.operator();
    await second.press(id);
    await second.live(id, 3_000);
    await second.clocksAdvance([id]);
    await first.live(id, 1_000);
    assert.equal(sample(await world.stack.hubMetrics(), "sluice_node_feeds_opened_total"), opened);
  });

  test("the delay 2 s after a join is that of the steady state", async () => {
    const first = await world.operator();
    const id = world.camera(2);
    await first.press(id);
    await first.live(id);
    const second = await world.operator();
    await second.record(id);
    await second.press(id);
    const shown = await eventually(30_000, async () => {
      const list = await second.shown(id);
      const [begin, end] = [list[0]?.at ?? 0, list.at(-1)?.at ?? 0];
      assert.ok(end - begin >= 9_000, `pictures of ${end - begin} ms so far`);
      return list;
    });
    const begin = shown[0]?.at ?? 0;
    const delay = (from: number, to: number): number => median(shown.filter(({ at }) => at >= begin + from && at < begin + to).map(({ at, clock }) => at - clock));
    const [joined, steady] = [delay(1_750, 2_500), delay(6_000, 9_000)];
    say(`    glass to glass: ${joined.toFixed(0)} ms two seconds after the join, ${steady.toFixed(0)} ms later`);
    assert.ok(joined <= steady + JOIN_SLACK_MS, `${joined} ms after the join, ${steady} ms later`);
  });
}

/** The age on the tile is that of the burnt-in clock. */
export async function assertTrueAge(console: ConsolePage, id: string): Promise<void> {
  await eventually(10_000, async () => {
    const { ageMs } = await console.words(id);
    const clock = (await console.clocks())[id];
    const truth = Date.now() - (clock ?? NaN);
    assert.ok(ageMs !== undefined && Math.abs(truth - ageMs) < READING_SLACK_MS, `the tile says ${String(ageMs)} ms, the picture is ${truth} ms old`);
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Moves every wall clock of a page one hour ahead; the monotonic one runs on. */
const HOUR_OFF = `
  const TrueDate = Date;
  const OFF = 3600000;
  window.trueTimeOrigin = performance.timeOrigin;
  Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + OFF });
  window.Date = class extends TrueDate {
    constructor(...parts) { if (parts.length === 0) super(TrueDate.now() + OFF); else super(...parts); }
    static now() { return TrueDate.now() + OFF; }
  };
`;
