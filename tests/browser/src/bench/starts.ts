import { OnvifSite } from "../harness/onvif_site.ts";
import { eventually, say, sleep } from "../harness/runner.ts";
import { sample } from "../harness/metrics.ts";
import { CAMERA, first, firstLive, linger, onBench, pullsAre, view, type Bench, type Viewing } from "./viewing.ts";
import { spread, type Row } from "./table.ts";

const SECTION = "browser start";
/** Watched after each start, so that what is usual is known. In ms. */
const WATCH_MS = 2_000;
/** Everything of the last viewer is over within this. In ms. */
const QUIET_LIMIT_MS = 20_000;
const WARM = { p50: 150, p95: 300 };
const COLD = { p50: 300, p95: 600 };

/** Click to picture where the edge keeps the camera warm, with and without a feed at the node. */
export async function warmStarts(gop: number, count: number): Promise<Row[]> {
  return onBench({ cameras: 2, camsim: [...CAMERA, "--gop", String(gop)] }, async (bench) => {
    const [idle, open] = [bench.camera(1), bench.camera(2)];
    await linger(bench, idle, 0);
    await linger(bench, open, 60);
    const fresh = await view(bench.console, idle, WATCH_MS);
    const fromEdge = await repeat(count, gop, () => feedsAre(bench, 0), () => view(bench.console, idle, WATCH_MS));
    await view(bench.console, open, WATCH_MS);
    const fromNode = await repeat(count, gop, () => feedsAre(bench, 1), () => view(bench.console, open, WATCH_MS));
    return [
      ...rows(`GOP ${gop} s, warm at the edge`, fromEdge, WARM),
      ...rows(`GOP ${gop} s, feed open at the node`, fromNode, WARM),
      { section: SECTION, what: `GOP ${gop} s, warm at the edge, the first of a new browser: click to first live frame, once`, value: firstLive(fresh), unit: "ms", target: null },
    ];
  });
}

/** The same with a camera that sends a key frame when it is asked, over ONVIF. */
export async function askedStarts(gop: number, count: number): Promise<Row[]> {
  return onBench({ cameras: 1, camsim: [...CAMERA, "--replay"] }, async (bench) => {
    const { stack } = bench;
    const site = await OnvifSite.start(stack, ["Asked", "127.98.0.0"], 2, [...CAMERA, "--gop", String(gop)]);
    try {
      const account = { username: site.user, password: site.password };
      const idle = await stack.addByOnvif("Asked 1", site.address(1), account);
      const open = await stack.addByOnvif("Asked 2", site.address(2), account);
      await stack.camerasReady();
      await bench.console.open("cameras");
      await bench.console.open("wall");
      await linger(bench, idle, 0);
      await linger(bench, open, 60);
      await view(bench.console, idle, WATCH_MS);
      const fromEdge = await repeat(count, gop, () => feedsAre(bench, 0), () => view(bench.console, idle, WATCH_MS));
      await view(bench.console, open, WATCH_MS);
      const fromNode = await repeat(count, gop, () => feedsAre(bench, 1), () => view(bench.console, open, WATCH_MS));
      return [
        ...rows(`GOP ${gop} s, key frames when asked, warm at the edge`, fromEdge, WARM),
        ...rows(`GOP ${gop} s, key frames when asked, feed open at the node`, fromNode, WARM),
      ];
    } finally {
      await site.stop();
    }
  });
}

/** Click to picture where the edge must first connect to the camera, which begins with a key frame. */
export async function coldStarts(count: number): Promise<Row[]> {
  const fields = { warm: "none", linger_s: 0 };
  return onBench({ cameras: 1, camsim: [...CAMERA, "--gop", "2", "--start", "key-frame"], fields }, async (bench) => {
    const id = bench.camera(1);
    await view(bench.console, id, WATCH_MS);
    const seen = await repeat(count, 2, () => pullsAre(bench, 0), () => view(bench.console, id, WATCH_MS));
    return rows("cold, IDR at PLAY", seen, COLD);
  });
}

/** Views again and again, each time at a random phase of the GOP (in seconds) and once `quiet` holds. */
async function repeat(count: number, gop: number, quiet: () => Promise<void>, once: () => Promise<Viewing>): Promise<Viewing[]> {
  const seen: Viewing[] = [];
  while (seen.length < count) {
    await quiet();
    await sleep(Math.random() * gop * 1_000);
    seen.push(await once());
  }
  say(`    click to first live frame: ${seen.map((viewing) => firstLive(viewing).toFixed(0)).join(" ")} ms`);
  return seen;
}

function rows(what: string, seen: readonly Viewing[], targets: { readonly p50: number; readonly p95: number }): Row[] {
  return [
    ...spread(SECTION, `${what}: click to first frame`, seen.map(first)),
    ...spread(SECTION, `${what}: click to first live frame`, seen.map(firstLive), targets),
  ];
}

/** As many feeds stand between edge and node, and nobody is connected any more. */
function feedsAre(bench: Bench, count: number): Promise<void> {
  return eventually(QUIET_LIMIT_MS, async () => {
    const metrics = await bench.stack.hubMetrics();
    const feeds = sample(metrics, "sluice_node_feeds");
    const viewers = sample(metrics, "sluice_node_sessions_opened_total") - sample(metrics, "sluice_node_sessions_ended_total");
    if (feeds !== count || viewers !== 0) throw new Error(`${feeds} feeds and ${viewers} sessions instead of ${count} and none`);
  });
}
