import assert from "node:assert/strict";
import test from "node:test";
import { Ahead, needed } from "../src/player/ahead.ts";

/** Parts of 200 ms; a key frame begins each of the named ones. */
function parts(count: number, keys: readonly number[], gaps = 0): Parameters<typeof needed>[0] {
  return Array.from({ length: count }, (_, at) => ({ url: `${at}`, start: at * 0.2, independent: keys.includes(at), gap: at < gaps }));
}

test("a start needs everything from the key frame before it", () => {
  assert.deepEqual(needed(parts(30, [0, 20]), 5.4), ["20", "21", "22", "23", "24", "25", "26", "27", "28", "29"]);
});

test("right behind a key frame it needs the group of pictures before", () => {
  assert.deepEqual(needed(parts(22, [0, 20]), 3.8).length, 22);
});

test("what is not there is not asked for", () => {
  assert.deepEqual(needed(parts(5, [0, 2], 2), 0.2), ["2", "3", "4"]);
  assert.deepEqual(needed(parts(4, [], 0), 0.2), []);
});

test("a very long group of pictures is not fetched whole", () => {
  assert.equal(needed(parts(200, [0]), 39.4).length, 50);
});

/** What hls.js asks for. */
interface Asked {
  readonly url: string;
  readonly type?: string;
  readonly responseType?: string;
}

/** Loads one after the other as hls.js does; answers what was asked of the network by its own loader, and what was handed over. */
async function loaded(ahead: Ahead, asked: readonly (string | Asked)[]): Promise<{ readonly own: readonly string[]; readonly handed: ReadonlyMap<string, unknown> }> {
  const own: string[] = [];
  const handed = new Map<string, unknown>();
  class Own {
    readonly stats = { loading: {} };
    load(context: { readonly url: string }): void { own.push(context.url); }
    abort(): void { own.push("aborted"); }
    destroy(): void { own.push("destroyed"); }
  }
  const Loader = ahead.loader({ DefaultConfig: { loader: Own } } as never) as unknown as new () => { load(context: object, config: object, callbacks: object): void };
  for (const each of asked) {
    const context = { responseType: "arraybuffer", ...(typeof each === "string" ? { url: each } : each) };
    new Loader().load(context, {}, { onSuccess: ({ url, data }: { readonly url: string; readonly data: unknown }) => { handed.set(url, data); } });
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  return { own, handed };
}

test("what a start needs is fetched once, together, and handed over; the rest is asked for as ever", async (context) => {
  const fetched: string[] = [];
  context.mock.method(globalThis, "fetch", (url: string) => {
    fetched.push(url);
    return Promise.resolve(url === "3" ? new Response(null, { status: 404 }) : new Response(new ArrayBuffer(8)));
  });
  const ahead = new Ahead();
  // hls.js heard of the playlist first and asked for the first part at once.
  assert.deepEqual(await loaded(ahead, ["0"]), { own: ["0"], handed: new Map() });
  const playlist = { partList: parts(6, [0]), edge: 1.2, partHoldBack: 0.6 } as unknown as Parameters<Ahead["playlist"]>[0];
  ahead.playlist(playlist);
  ahead.playlist(playlist);
  assert.deepEqual(fetched, ["1", "2", "3", "4", "5"]);
  const rest = await loaded(ahead, ["1", "3", "4", "1", "6"]);
  assert.deepEqual([...rest.handed.keys()], ["1", "4"]);
  assert.deepEqual(rest.own, ["3", "1", "6"], "one that failed, one that is wanted again, one that is new");
  ahead.stop();
});

const BUNDLE = "application/vnd.sluice.hls-start";
const INDEX: Asked = { url: "https://node/hls/cam/sub/index.m3u8?token=t", type: "manifest", responseType: "text" };
const ROOT = "https://node/hls/s/secret/cam/sub/run/";
const CONTENTS = "3 index.m3u8\n4 /hls/s/secret/cam/sub/run/video.m3u8\n2 /hls/s/secret/cam/sub/run/v1.0.m4s\n5 /hls/s/secret/cam/sub/run/v1.1.m4s\n\n";

/** An answer that comes in pieces of `size` bytes. */
function answer(text: string, size: number): Response {
  const bytes = new TextEncoder().encode(text);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  return new Response(stream, { headers: { "content-type": BUNDLE } });
}

async function text(data: unknown): Promise<string> {
  return typeof data === "string" ? data : await new Response(data as ArrayBuffer).text();
}

test("a start comes in one answer, however it is cut", async (context) => {
  for (const size of [1, 7, 64, 4_096]) {
    const mock = context.mock.method(globalThis, "fetch", () => Promise.resolve(answer(`${CONTENTS}allvideXXotherEND`, size)));
    const ahead = new Ahead();
    const { own, handed } = await loaded(ahead, [INDEX, { url: `${ROOT}video.m3u8`, responseType: "text" }, `${ROOT}v1.0.m4s`, `${ROOT}v1.1.m4s`, `${ROOT}v1.2.m4s`]);
    // Streams take some turns.
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    const texts = await Promise.all([...handed.values()].map(text));
    assert.deepEqual(texts, ["all", "vide", "XX", "other"], `pieces of ${size} bytes`);
    assert.deepEqual(own, [`${ROOT}v1.2.m4s`]);
    ahead.playlist({ partList: [], edge: 1, partHoldBack: 0.6 });
    assert.equal(mock.mock.callCount(), 1);
    mock.mock.restore();
    ahead.stop();
  }
});

test("what an answer lacks, or a node that knows no such answer, is asked for as ever", async (context) => {
  const answers = [answer(`${CONTENTS}allvid`, 4_096), new Response("#EXTM3U"), new Response(null, { status: 503 })];
  context.mock.method(globalThis, "fetch", () => Promise.resolve(answers.shift()));
  const cut = await loaded(new Ahead(), [INDEX, `${ROOT}video.m3u8`, `${ROOT}v1.0.m4s`]);
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  assert.deepEqual([...cut.handed.values()], ["all"]);
  assert.deepEqual(cut.own, [`${ROOT}video.m3u8`, `${ROOT}v1.0.m4s`], "the answer was cut off");
  assert.deepEqual(await loaded(new Ahead(), [INDEX, `${ROOT}video.m3u8`]), { own: [`${ROOT}video.m3u8`], handed: new Map([[INDEX.url, "#EXTM3U"]]) });
  assert.deepEqual(await loaded(new Ahead(), [INDEX]), { own: [INDEX.url], handed: new Map() });
});
