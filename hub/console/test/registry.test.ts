import assert from "node:assert/strict";
import test from "node:test";
import type { Api } from "../src/api/client.ts";
import type { Camera } from "../src/api/types.ts";
import { Registry } from "../src/app/registry.ts";

const camera = (code: string): Camera => ({ id: "cam_1", name: "One", state: { code, text: code }, tiers: [] }) as unknown as Camera;

/** An API whose answers are let go by hand. */
class SlowApi {
  readonly waiting: ((code: string) => void)[] = [];

  get(path: string): Promise<unknown> {
    if (!path.startsWith("/cameras")) return Promise.resolve({ ok: true, value: { items: [], next: null } });
    return new Promise((resolve) => {
      this.waiting.push((code) => { resolve({ ok: true, value: { items: [camera(code)], next: null } }); });
    });
  }
}

async function first(api: SlowApi): Promise<Registry> {
  const registry = new Registry(api as unknown as Api);
  const read = registry.refresh();
  api.waiting.shift()?.("ready");
  await read;
  return registry;
}

test("an event that comes while the lists are read is not overwritten by them", async () => {
  const api = new SlowApi();
  const registry = await first(api);
  const read = registry.refresh();
  registry.cameraChanged("cam_1", { code: "resting", text: "resting" });
  api.waiting.shift()?.("ready");
  await read;
  assert.equal(registry.camera("cam_1")?.state.code, "resting");
  const again = registry.refresh();
  api.waiting.shift()?.("live");
  await again;
  assert.equal(registry.camera("cam_1")?.state.code, "live", "an event of before the reading is not kept");
});

test("who asks during a reading gets one that began later", async () => {
  const api = new SlowApi();
  const registry = await first(api);
  const early = registry.refresh();
  const [late, alsoLate] = [registry.refresh(), registry.refresh()];
  api.waiting.shift()?.("ready");
  await early;
  assert.equal(api.waiting.length, 1, "one more reading serves all");
  api.waiting.shift()?.("live");
  assert.deepEqual(await Promise.all([late, alsoLate]), [true, true]);
  assert.equal(registry.camera("cam_1")?.state.code, "live");
});
