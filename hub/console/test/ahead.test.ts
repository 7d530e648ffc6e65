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

/** Loads `urls` one after the other as hls.js does; answers what was asked of the network by its own loader. */
async function loaded(ahead: Ahead, urls: readonly string[]): Promise<{ readonly own: readonly string[]; readonly handed: readonly string[] }> {
  const [own, handed]: [string[], string[]] = [[], []];
  class Own {
    readonly stats = { loading: {} };
    load(context: { readonly url: string }): void { own.push(context.url); }
    abort(): void { own.push("aborted"); }
    destroy(): void { own.push("destroyed"); }
  }
  const Loader = ahead.loader({ DefaultConfig: { loader: Own } } as never) as unknown as new () => { load(context: object, config: object, callbacks: object): void };
  for (const url of urls) {
    new Loader().load({ url }, {}, { onSuccess: (answer: { readonly url: string }) => { handed.push(answer.url); } });
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
  assert.deepEqual(await loaded(ahead, ["0"]), { own: ["0"], handed: [] });
  const playlist = { partList: parts(6, [0]), edge: 1.2, partHoldBack: 0.6 } as unknown as Parameters<Ahead["playlist"]>[0];
  ahead.playlist(playlist);
  ahead.playlist(playlist);
  assert.deepEqual(fetched, ["1", "2", "3", "4", "5"]);
  const rest = await loaded(ahead, ["1", "3", "4", "2", "6"]);
  assert.deepEqual(rest.handed, ["1", "4"]);
  assert.deepEqual(rest.own, ["3", "2", "6"], "one that failed, one that was passed over, one that is new");
});
