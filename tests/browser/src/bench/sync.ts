import assert from "node:assert/strict";
import { eventually, say } from "../harness/runner.ts";
import { CAMERA, onBench } from "./viewing.ts";
import { percentile, type Row } from "./table.ts";

const SECTION = "browser sound and picture";
/** Sound and picture of one instant are to be heard and seen so close together, ms. */
const APART_LIMIT_MS = 40;
/** What a browser hears and shows right after a click is not judged, ms. */
const SETTLE_MS = 3_000;
/** The age of the picture at a beep is that of the pictures so close to it, ms: a browser moves it while it aligns. */
const AROUND_MS = 250;

/** How far sound and picture of one instant are apart, by the beep at each full second and the burnt-in clock. */
export async function soundAndPicture(codec: string, protocol: "webrtc" | "ll-hls", seconds: number): Promise<Row[]> {
  return onBench({ cameras: 1, camsim: [...CAMERA, "--gop", "2", "--audio", codec] }, async ({ console, camera }) => {
    const id = camera(1);
    await console.choose(id, protocol);
    await console.press(id);
    await console.live(id);
    await console.speaker(id).click();
    await eventually(15_000, async () => {
      const beeps = await console.page.evaluate((camera) => window.probe.beeps(camera, 1_500), id);
      assert.ok(beeps.length > 0, "no beep is heard");
    });
    await console.page.waitForTimeout(SETTLE_MS);
    await console.record(id);
    const beeps = await console.page.evaluate(([camera, ms]) => window.probe.beeps(camera, ms), [id, seconds * 1_000] as const);
    const pictures = await console.shown(id);
    const late = percentile(pictures.map(({ at, clock }) => at - clock), 0.5);
    const later = beeps.slice(1).flatMap((heardAt) => {
      const meanwhile = pictures.filter(({ at }) => Math.abs(at - heardAt) <= AROUND_MS).map(({ at, clock }) => at - clock);
      return meanwhile.length === 0 ? [] : [centred(heardAt - percentile(meanwhile, 0.5))];
    });
    say(`    sound behind the picture: ${later.map((ms) => ms.toFixed(0)).join(" ")} ms; the picture is ${late.toFixed(0)} ms old`);
    const what = `${protocol === "webrtc" ? "WebRTC" : "LL-HLS"}, ${codec}`;
    const row = (text: string, value: number, target: number | null): Row => ({ section: SECTION, what: `${what}: ${text}`, value, unit: "ms", target });
    return [
      row(`sound behind the picture, median of ${later.length} beeps`, percentile(later, 0.5), null),
      row("apart, p95", percentile(later.map(Math.abs), 0.95), APART_LIMIT_MS),
      row("age of the picture with sound, p50", late, null),
    ];
  });
}

/** The distance to the nearest full second, -500 to 500 ms. */
function centred(ms: number): number {
  const rest = ((ms % 1_000) + 1_000) % 1_000;
  return rest > 500 ? rest - 1_000 : rest;
}
