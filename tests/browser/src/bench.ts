import path from "node:path";
import { parseArgs } from "node:util";
import { latency } from "./bench/latency.ts";
import { hlsColdStarts, hlsLatency, hlsStarts } from "./bench/llhls.ts";
import { soundAndPicture } from "./bench/sync.ts";
import { askedStarts, coldStarts, warmStarts } from "./bench/starts.ts";
import { write, type Row } from "./bench/table.ts";
import { chromiumIsInstalled } from "./harness/browser.ts";
import { say } from "./harness/runner.ts";

declare const __HERE__: string;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    out: { type: "string", default: path.resolve(__HERE__, "../../target/bench/browser.json") },
  },
});
/** Between hub and browser, where a distance is measured. */
const ROUND_TRIP_MS = 50;
const pick = (whole: number, quick: number): number => (options.quick ? quick : whole);

const sections: readonly (readonly [name: string, measure: () => Promise<Row[]>])[] = [
  ...[1, 2, 4].map((gop) => [`starts at GOP ${gop} s`, () => warmStarts(gop, pick(20, 3))] as const),
  ...[2, 4].map((gop) => [`starts at GOP ${gop} s with key frames when asked`, () => askedStarts(gop, pick(20, 3))] as const),
  ["cold starts", () => coldStarts(pick(20, 3))],
  ["latency", () => latency(pick(20, 5), pick(5, 1))],
  ...[1, 2, 4].map((gop) => [`LL-HLS starts at GOP ${gop} s`, () => hlsStarts(gop, pick(15, 2))] as const),
  ["LL-HLS cold starts", () => hlsColdStarts(pick(10, 2))],
  ...[1, 2, 4].map((gop) => [`LL-HLS latency at GOP ${gop} s`, () => hlsLatency(gop, pick(20, 5), pick(5, 1))] as const),
  ...[1, 2, 4].map((gop) => [`LL-HLS starts at GOP ${gop} s over a round trip`, () => hlsStarts(gop, pick(8, 2), ROUND_TRIP_MS)] as const),
  ...[1, 2, 4].map((gop) => [`LL-HLS latency at GOP ${gop} s over a round trip`, () => hlsLatency(gop, pick(10, 5), pick(5, 1), ROUND_TRIP_MS)] as const),
  ...([["pcma", "webrtc"], ["opus", "webrtc"], ["aac", "ll-hls"]] as const).map(([codec, protocol]) => [`sound and picture, ${codec} by ${protocol}`, () => soundAndPicture(codec, protocol, pick(20, 6))] as const),
];

const rows: Row[] = [];
const failures: string[] = [];
for (const [name, measure] of sections.filter(([name]) => name.includes(options.only))) {
  say(`bench: measuring in Chromium: ${name}`);
  try {
    if (!chromiumIsInstalled()) throw new Error("SKIPPED: no Chromium at /usr/bin/chromium (SLUICE_CHROMIUM names another)");
    rows.push(...await measure());
  } catch (error) {
    failures.push(`in Chromium, ${name}: ${error instanceof Error ? error.message : String(error)}`);
    say(`bench: ${failures.at(-1) ?? ""}`);
  }
}
write(options.out, { rows, failures });
for (const { what, value, unit, target } of rows) say(`${value.toFixed(0).padStart(6)} ${unit}  ${what}${target === null ? "" : ` (<= ${target})`}`);
process.exitCode = failures.length === 0 ? 0 : 1;
