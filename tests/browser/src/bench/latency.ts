import { CAMERA, ages, first, onBench, view, type Viewing } from "./viewing.ts";
import { percentile, spread, type Row } from "./table.ts";

const GLASS = "browser glass to glass";
/** Left out at the beginning, in ms: the join is measured apart. */
const SETTLE_MS = 3_000;
/** A join may leave this much more delay than there is later, in ms: one refresh of the screen and one picture. */
const JOIN_SLACK_MS = 60;

/** Burnt-in time against the moment on the screen, in the steady state and two seconds after a join. */
export async function latency(seconds: number, joins: number): Promise<Row[]> {
  return onBench({ cameras: 1, camsim: [...CAMERA, "--gop", "2"] }, async ({ console, camera }) => {
    const id = camera(1);
    const steady = await view(console, id, SETTLE_MS + seconds * 1_000);
    const began = steady.clickedAt + first(steady) + SETTLE_MS;
    const old = ages(steady.pictures, began, Infinity);
    // Without a graphics card Chromium's expected time may lie before the moment at which the page hears of the picture.
    const told = steady.pictures.filter(({ at }) => at >= began).map(({ toldAt, clock }) => toldAt - clock);
    const joined: Viewing[] = [];
    while (joined.length < joins) joined.push(await view(console, id, 9_000));
    const early = joined.map((viewing) => median(viewing, 1_750, 2_500));
    const late = joined.map((viewing) => median(viewing, 6_000, 9_000));
    const more = early.map((age, at) => age - (late[at] ?? NaN));
    const row = (what: string, value: number, target: number | null): Row => ({ section: GLASS, what, value, unit: "ms", target });
    return [
      ...spread(GLASS, `burnt-in clock to expected display, ${seconds} s`, old, { p95: 90 }),
      ...spread(GLASS, `burnt-in clock to the page's callback, ${seconds} s`, told, { p95: 90 }),
      { section: GLASS, what: "pictures shown a second, of 25", value: old.length / seconds, unit: "pictures", target: null },
      row(`2 s after a join, median of ${joins}`, percentile(early, 0.5), null),
      row(`later, median of ${joins}`, percentile(late, 0.5), null),
      row(`2 s after a join, beyond that later: median of ${joins}`, percentile(more, 0.5), JOIN_SLACK_MS),
      row(`2 s after a join, beyond that later: largest of ${joins}`, Math.max(...more), null),
    ];
  });
}

/** The usual age of pictures between two moments after the first one, in ms. */
function median(viewing: Viewing, from: number, to: number): number {
  const began = viewing.clickedAt + first(viewing);
  return percentile(ages(viewing.pictures, began + from, began + to), 0.5);
}
