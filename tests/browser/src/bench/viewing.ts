import assert from "node:assert/strict";
import { launch } from "../harness/browser.ts";
import { ConsolePage } from "../harness/console_page.ts";
import { DelayedLink } from "../harness/link_delay.ts";
import { sample } from "../harness/metrics.ts";
import { eventually } from "../harness/runner.ts";
import { Stack, type StackOptions } from "../harness/stack.ts";
import { World } from "../harness/world.ts";
import type { Shown } from "../page/probe.ts";
import { percentile } from "./table.ts";

/** What the page keeps of the last click: the moment at which the browser took it, unix ms. */
const KEEP_CLICKS = `addEventListener("click", (event) => { window.clickedAt = performance.timeOrigin + event.timeStamp; }, true);`;
/** A picture is live if it is no older than the later ones, give or take this. In ms. */
const LIVE_WITHIN_MS = 100;
/** Pictures that came this long after the first are the later ones. In ms. */
const LATER_MS = 1_000;
/** Everything of the last viewer is over within this. In ms. */
const QUIET_LIMIT_MS = 40_000;
/** How long a start may take before it counts as failed. In ms. */
const PATIENCE_MS = 15_000;

/** How `sluice-camsim` is to stream in every section: as the targets say, one small live picture. */
export const CAMERA = ["--main", "none", "--sub", "640x360", "--fps", "25", "--bitrate-kbps", "1000"];

declare global {
  interface Window {
    clickedAt?: number;
  }
}

/** From one press of play: when it was, and each picture's first moment on the screen. */
export interface Viewing {
  readonly clickedAt: number;
  readonly pictures: readonly Shown[];
}

/** What a section of the bench gets: programs and a browser of its own, and an operator before the wall. */
export interface Bench {
  readonly stack: Stack;
  readonly world: World;
  readonly console: ConsolePage;
  camera(number: number): string;
}

/** What a section has of its own. */
export interface BenchOptions extends StackOptions {
  /** How far the browser is from the hub, ms there and back. */
  readonly roundTripMs?: number;
}

/** Runs one section with programs and a browser of its own. */
export async function onBench<T>({ roundTripMs = 0, ...options }: BenchOptions, body: (bench: Bench) => Promise<T>): Promise<T> {
  const stack = await Stack.start({ folder: "bench/browser", tiers: ["sub"], ...options });
  const link = roundTripMs === 0 ? undefined : await DelayedLink.to(stack.httpsPort, roundTripMs / 2);
  try {
    const browser = await launch();
    try {
      const world = new World(stack, browser);
      const context = await world.context(KEEP_CLICKS);
      const console = await ConsolePage.signedIn(context, stack, link && `https://localhost:${link.port}`);
      return await body({ stack, world, console, camera: (number) => world.camera(number) });
    } finally {
      await browser.close();
    }
  } finally {
    await link?.close();
    await stack.stop();
  }
}

/** Presses play and watches until pictures of `ms` have been shown; then presses stop. */
export async function view(console: ConsolePage, id: string, ms: number): Promise<Viewing> {
  await console.record(id);
  await console.press(id);
  await eventually(PATIENCE_MS + ms, async () => {
    const [begin, end] = await console.page.evaluate((camera) => {
      const list = window.probe.shown(camera);
      return [list[0]?.at ?? 0, list.at(-1)?.at ?? 0] as const;
    }, id);
    assert.ok(end - begin >= ms, `pictures of ${end - begin} ms within ${PATIENCE_MS + ms} ms`);
  });
  const clickedAt = await console.page.evaluate(() => window.clickedAt);
  const pictures = onceEach(await console.shown(id));
  await console.press(id);
  assert.ok(clickedAt !== undefined, "the page saw no click");
  return { clickedAt, pictures };
}

/** From the click to the first picture, in ms. */
export function first({ clickedAt, pictures }: Viewing): number {
  const [picture] = pictures;
  assert.ok(picture, "no picture");
  return picture.at - clickedAt;
}

/** From the click to the first picture that is no older than those a second later, in ms. */
export function firstLive(viewing: Viewing): number {
  const { clickedAt, pictures } = viewing;
  const began = clickedAt + first(viewing);
  const usual = percentile(ages(pictures, began + LATER_MS, Infinity), 0.5);
  const live = pictures.find(({ at, clock }) => at - clock <= usual + LIVE_WITHIN_MS);
  assert.ok(live, "no live picture");
  return live.at - clickedAt;
}

/** How old the pictures were that were shown from one moment to another, in ms. */
export function ages(pictures: readonly Shown[], from: number, to: number): number[] {
  return pictures.filter(({ at }) => at >= from && at < to).map(({ at, clock }) => at - clock);
}

/** A picture that the browser only drew again is no new one. */
function onceEach(shown: readonly Shown[]): Shown[] {
  const known = new Set<number>();
  return shown.filter(({ clock }) => !known.has(clock) && known.add(clock));
}

/** Sets how long a camera's feed outlives its last viewer. */
export async function linger(bench: Bench, id: string, seconds: number): Promise<void> {
  const { status, body } = await bench.stack.call("PATCH", `/cameras/${id}`, { linger_s: seconds });
  if (status !== 200) throw new Error(`linger of ${seconds} s: ${status} ${JSON.stringify(body)}`);
}

/** As many cameras are pulled by the edge. */
export function pullsAre(bench: Bench, count: number): Promise<void> {
  return eventually(QUIET_LIMIT_MS, async () => {
    const pulls = sample(await bench.stack.edgeMetrics(), "sluice_edge_pulls");
    if (pulls !== count) throw new Error(`${pulls} pulls instead of ${count}`);
  });
}
