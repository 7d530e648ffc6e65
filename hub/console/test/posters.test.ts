import assert from "node:assert/strict";
import test from "node:test";
import type { Picture, Result } from "../src/api/client.ts";
import { Posters } from "../src/app/posters.ts";

/** A hub whose pictures are let go by hand. */
class Hub {
  readonly asked: string[] = [];
  readonly #waiting: ((answer: Result<Picture>) => void)[] = [];

  readonly fetch = (path: string): Promise<Result<Picture>> => {
    this.asked.push(path);
    return new Promise((resolve) => this.#waiting.push(resolve));
  };

  give(type = "image/jpeg"): Promise<void> {
    this.#waiting.shift()?.({ ok: true, value: { data: new Blob(["x"], { type }), capturedAt: 5 } });
    return settled();
  }

  refuse(): Promise<void> {
    this.#waiting.shift()?.({ ok: false, problem: { type: "no-picture", title: "no picture", status: 404 } });
    return settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const yes = (): boolean => true;

test("a picture is fetched once for all who show it, and again only when it is old", async () => {
  let now = 0;
  const hub = new Hub();
  const posters = new Posters(hub.fetch, () => now);
  const both = Promise.all([posters.get("cam_1", yes), posters.get("cam_1", yes)]);
  await settled();
  await hub.give("video/mp4");
  const [one, two] = await both;
  assert.equal(one, two);
  assert.equal(one?.film, true);
  assert.equal(one.capturedAt, 5);
  assert.equal(await posters.get("cam_1", yes), one);
  assert.deepEqual(hub.asked, ["/cameras/cam_1/poster"]);
  now = 5 * 60_000;
  void posters.get("cam_1", yes);
  await settled();
  assert.equal(hub.asked.length, 2);
});

test("few are asked for at once, and who has gone when the turn comes costs nothing", async () => {
  const hub = new Hub();
  const posters = new Posters(hub.fetch, () => 0);
  const gone = posters.get("cam_4", yes);
  const shown = ["cam_1", "cam_2"].map((id) => posters.get(id, yes));
  const left = posters.get("cam_3", () => false);
  const last = posters.get("cam_5", yes);
  await settled();
  assert.equal(hub.asked.length, 3);
  await hub.give();
  assert.equal(await left, undefined);
  assert.deepEqual(hub.asked.slice(3), ["/cameras/cam_5/poster"], "the one who left was passed over");
  for (let given = 0; given < 3; given += 1) await hub.give();
  await Promise.all([gone, ...shown, last]);
});

test("a camera without a picture is left alone for a minute", async () => {
  let now = 0;
  const hub = new Hub();
  const posters = new Posters(hub.fetch, () => now);
  const none = posters.get("cam_1", yes);
  await settled();
  await hub.refuse();
  assert.equal(await none, undefined);
  now = 59_000;
  assert.equal(await posters.get("cam_1", yes), undefined);
  assert.equal(hub.asked.length, 1);
  now = 60_000;
  void posters.get("cam_1", yes);
  await settled();
  assert.equal(hub.asked.length, 2);
});
