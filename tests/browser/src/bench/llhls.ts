import { say, sleep } from "../harness/runner.ts";
import { ages, CAMERA, first, linger, onBench, pullsAre, view, type Bench, type Viewing } from "./viewing.ts";
import { percentile, spread, type Row } from "./table.ts";

const START = "browser LL-HLS start";
const GLASS = "browser LL-HLS glass to glass";
/** Watched after each start, in ms. */
const WATCH_MS = 1_500;
/** The node packages on for 10 s after its last reader; this is longer. In ms. */
const UNPACKAGED_AFTER_MS = 11_000;
/** The targets of a start, p50 in ms: packaged, live but not packaged, cold. */
const TARGET = { packaged: 150, live: 400, cold: 800 };
/** Of the age of pictures, p95 in ms. */
const AGE_TARGET = 900;
/** A player is where it stays after this, in ms. */
const SETTLE_MS = 5_000;
/** Then its pictures are at most so much older than later ones, in ms: half a part. */
const SETTLED_WITHIN_MS = 100;

/** Click to first picture where the node packages the camera already, and where it has it but packages nothing. */
export async function hlsStarts(gop: number, count: number, roundTripMs = 0): Promise<Row[]> {
  const options = { cameras: 4, camsim: [...CAMERA, "--gop", String(gop)], roundTripMs };
  return onBench(options, async (bench) => {
    const [busy, ...idle] = [1, 2, 3, 4].map((number) => bench.camera(number)) as [string, string, string, string];
    for (const id of [busy, ...idle]) {
      await linger(bench, id, 120);
      await bench.console.choose(id, "ll-hls");
    }
    // The first of a browser loads and compiles the player for HLS.
    await view(bench.console, busy, WATCH_MS);
    const packaged = await repeat(count, gop, () => view(bench.console, busy, WATCH_MS));
    const left = new Map<string, number>();
    for (const id of idle) await hold(bench, id, left);
    let at = 0;
    const live = await repeat(count, gop, async () => {
      const id = idle[at % idle.length] ?? busy;
      at += 1;
      await sleep(Math.max(0, (left.get(id) ?? 0) + UNPACKAGED_AFTER_MS - performance.now()));
      const viewing = await view(bench.console, id, WATCH_MS);
      left.set(id, performance.now());
      return viewing;
    });
    const far = roundTripMs === 0 ? "" : `, ${roundTripMs} ms of round trip`;
    return [
      ...rows(`GOP ${gop} s, packaged${far}`, packaged, roundTripMs === 0 ? TARGET.packaged : undefined),
      ...rows(`GOP ${gop} s, live but not packaged${far}`, live, roundTripMs === 0 ? TARGET.live : undefined),
    ];
  });
}

/** Click to first picture where the edge must first connect to the camera, which begins with a key frame. */
export async function hlsColdStarts(count: number): Promise<Row[]> {
  const fields = { warm: "none", linger_s: 0 };
  return onBench({ cameras: 1, camsim: [...CAMERA, "--gop", "2", "--start", "key-frame"], fields }, async (bench) => {
    const id = bench.camera(1);
    await bench.console.choose(id, "ll-hls");
    await view(bench.console, id, WATCH_MS);
    const seen = await repeat(count, 2, async () => {
      await pullsAre(bench, 0);
      return view(bench.console, id, WATCH_MS);
    });
    return rows("cold, IDR at PLAY", seen, TARGET.cold);
  });
}

/** The age of pictures in the steady state, and how soon after a join it is reached. */
export async function hlsLatency(gop: number, seconds: number, joins: number, roundTripMs = 0): Promise<Row[]> {
  return onBench({ cameras: 1, camsim: [...CAMERA, "--gop", String(gop)], roundTripMs }, async ({ console, camera }) => {
    const id = camera(1);
    await console.choose(id, "ll-hls");
    const steady = await view(console, id, SETTLE_MS + seconds * 1_000);
    const old = ages(steady.pictures, steady.clickedAt + SETTLE_MS, Infinity);
    const joined: Viewing[] = [];
    while (joined.length < joins) {
      await sleep(Math.random() * gop * 1_000);
      joined.push(await view(console, id, 10_000));
    }
    const settled = joined.map((viewing) => median(viewing, SETTLE_MS - 250, SETTLE_MS + 750));
    const later = joined.map((viewing) => median(viewing, 7_500, 10_000));
    const more = settled.map((age, at) => age - (later[at] ?? NaN));
    const what = `GOP ${gop} s${roundTripMs === 0 ? "" : `, ${roundTripMs} ms of round trip`}`;
    const row = (text: string, value: number, target: number | null, unit = "ms"): Row => ({ section: GLASS, what: `${what}: ${text}`, value, unit, target });
    say(`    ages 1, 3 and 5 s after the click: ${joined.map((viewing) => [1_000, 3_000, SETTLE_MS].map((ms) => median(viewing, ms - 250, ms + 750).toFixed(0)).join(" ")).join(" / ")} ms`);
    return [
      ...spread(GLASS, `${what}: burnt-in clock to expected display, ${seconds} s`, old, { p95: AGE_TARGET }),
      row("pictures shown a second, of 25", old.length / seconds, null, "pictures"),
      row(`5 s after the click, median of ${joins}`, percentile(settled, 0.5), null),
      row(`5 s after the click, beyond that later: median of ${joins}`, percentile(more, 0.5), SETTLED_WITHIN_MS),
      row(`5 s after the click, beyond that later: largest of ${joins}`, Math.max(...more), null),
    ];
  });
}

/** Opens the feed of a camera and leaves it open, without a packager. */
async function hold(bench: Bench, id: string, left: Map<string, number>): Promise<void> {
  await bench.console.choose(id, "webrtc");
  await view(bench.console, id, 500);
  await bench.console.choose(id, "ll-hls");
  left.set(id, -UNPACKAGED_AFTER_MS);
}

/** Views again and again, each time at a random phase of the GOP (in seconds). */
async function repeat(count: number, gop: number, once: () => Promise<Viewing>): Promise<Viewing[]> {
  const seen: Viewing[] = [];
  while (seen.length < count) {
    await sleep(Math.random() * gop * 1_000);
    seen.push(await once());
  }
  say(`    click to first frame: ${seen.map((viewing) => first(viewing).toFixed(0)).join(" ")} ms`);
  return seen;
}

function rows(what: string, seen: readonly Viewing[], p50: number | undefined): Row[] {
  return spread(START, `${what}: click to first frame`, seen.map(first), p50 === undefined ? {} : { p50 });
}

/** The usual age of pictures between two moments after the click, in ms. */
function median(viewing: Viewing, from: number, to: number): number {
  return percentile(ages(viewing.pictures, viewing.clickedAt + from, viewing.clickedAt + to), 0.5);
}
