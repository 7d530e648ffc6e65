import assert from "node:assert/strict";
import test from "node:test";
import type { Api } from "../src/api/client.ts";
import type { Device, Discovery, Site } from "../src/api/types.ts";
import { acceptable, countBy, groupFinds, proposeNames, tryable } from "../src/app/find_groups.ts";
import { places, tryRequest } from "../src/app/credential_rows.ts";
import { Finds } from "../src/app/finds.ts";
import { tellAbilities, tellFind } from "../src/views/find_row.ts";

const can = { ptz: false, events: false, snapshot: false, encoder: false, sync_point: null };
const find = (id: string, over: Partial<Discovery> = {}): Discovery => ({
  id, device_id: "dev_1", site_id: "site_1", key: id, channel: 0, name: "", manufacturer: "Acme", model: "Dome", firmware: "", serial: "", hardware_address: "",
  address: "10.0.0.1", how: "probe", first_seen: 0, last_seen: 0, state: "understood", text: "", tiers: [{ tier: "main" }], can, warnings: [], ignored: false, ...over,
});
const sites = [{ id: "site_1", name: "Porto", created_at: 0 }, { id: "site_2", name: "Armazém", created_at: 0 }] as unknown as readonly Site[];
const devices = [{ id: "dev_1", name: "Edge 1" }, { id: "dev_2", name: "Edge 2" }] as unknown as readonly Device[];

test("found cameras stand by site and device, and by address as numbers", () => {
  const items = [find("a", { address: "10.0.0.10" }), find("b", { address: "10.0.0.9" }), find("c", { device_id: "dev_2", site_id: "site_2" })];
  const groups = groupFinds(items, { sites, devices }, "new", "");
  assert.deepEqual(groups.map(({ site, items: found }) => [site, found.map(({ id }) => id)]), [["Armazém", ["c"]], ["Porto", ["b", "a"]]]);
});

test("each found camera is in one list alone", () => {
  const items = [find("a"), find("b", { ignored: true }), find("c", { camera_id: "cam_1" }), find("d", { camera_id: "cam_2", ignored: true })];
  assert.deepEqual(countBy(items), { new: 1, accepted: 2, ignored: 1 });
});

test("a search finds every word, wherever it stands", () => {
  const items = [find("a", { name: "Gate north", address: "10.0.0.7" }), find("b", { name: "Gate south", serial: "XK-99" })];
  const shown = (search: string): string[] => groupFinds(items, { sites, devices }, "new", search).flatMap(({ items: found }) => found.map(({ id }) => id));
  assert.deepEqual(shown("gate 0.7"), ["a"]);
  assert.deepEqual(shown("xk"), ["b"]);
  assert.deepEqual(shown("xk north"), []);
});

test("only what is understood and not a camera yet can be accepted", () => {
  assert.equal(acceptable(find("a")), true);
  assert.equal(acceptable(find("a", { camera_id: "cam_1" })), false);
  assert.equal(acceptable(find("a", { tiers: [] })), false, "it was opened, and has not told its streams yet");
  for (const state of ["asking", "needs-credentials", "refused", "silent", "not-usable", "changed"]) assert.equal(acceptable(find("a", { state })), false, state);
  assert.equal(tryable(find("a", { state: "refused" })), true);
  assert.equal(tryable(find("a", { state: "changed" })), true, "a renewed certificate is taken with the password");
  assert.equal(tryable(find("a", { state: "not-usable" })), false);
});

test("no two cameras are proposed one name, and a recorder's channels are numbered", () => {
  const recorder = [find("a", { key: "nvr", name: "Recorder" }), find("b", { key: "nvr", name: "Recorder", channel: 1 })];
  const twins = [find("c"), find("d"), find("e", { manufacturer: "", model: "", address: "10.0.0.5" })];
  const all = [...recorder, ...twins];
  assert.deepEqual([...proposeNames(all, all, ["Acme Dome"]).values()], ["Recorder 1", "Recorder 2", "Acme Dome (2)", "Acme Dome (3)", "10.0.0.5"]);
});

test("every state has a word, and one that is not known is told as it is", () => {
  for (const state of ["asking", "needs-credentials", "refused", "understood", "silent", "not-usable", "changed"]) {
    assert.notEqual(tellFind(find("a", { state })).word, state, state);
  }
  assert.equal(tellFind(find("a", { state: "asleep" })).word, "asleep");
  assert.equal(tellFind(find("a", { state: "refused", camera_id: "cam_1" })).tone, "live");
});

test("a clock that is a little off is no news, one that is far off is", () => {
  assert.deepEqual(tellAbilities(find("a", { clock_offset_ms: -4_000 })), []);
  assert.equal(tellAbilities(find("a", { clock_offset_ms: -90_000 })).length, 1);
});

test("empty rows are not tried, the same pair is tried once, and is kept if any row says so", () => {
  const row = (username: string, password: string, keep = false): { username: string; password: string; keep: boolean } => ({ username, password, keep });
  const request = tryRequest(["x"], [row(" admin ", "a"), row("", ""), row("admin", "a", true), row("root", "")], false);
  assert.deepEqual(request, { ok: true, body: { ids: ["x"], bank: false, credentials: [
    { username: "admin", password: "a", keep: true, label: "admin" },
    { username: "root", password: "", keep: false },
  ] } });
  assert.deepEqual(tryRequest(["x"], [row("", "secret")], true), { ok: false, fault: "half", row: 0 });
  assert.deepEqual(tryRequest(["x"], [row("", "")], false), { ok: false, fault: "empty", row: 0 });
  assert.equal(tryRequest(["x"], [], true).ok, true);
});

test("ranges and addresses are told apart, and what is neither is named", () => {
  assert.deepEqual(places("10.1.0.0/24\n\n10.2.0.0/16", "camera.local, 10.0.0.4:8000 http://10.0.0.5/onvif/device_service 10.3.0.0/30"), {
    ranges: ["10.1.0.0/24", "10.2.0.0/16", "10.3.0.0/30"], addresses: ["camera.local", "10.0.0.4:8000", "http://10.0.0.5/onvif/device_service"], bad: undefined,
  });
  for (const bad of ["http://admin:secret@10.0.0.5/", "10.0.0.1/", "rtsp://10.0.0.1/"]) assert.equal(places("", bad).bad, bad);
});

test("news of finds waits longer while nobody looks at them", () => {
  const finds = new Finds({} as unknown as Api, false);
  const away = finds.patienceMs;
  const [one, two] = [finds.watch(), finds.watch()];
  assert.ok(finds.patienceMs < away);
  one();
  assert.ok(finds.patienceMs < away);
  two();
  assert.equal(finds.patienceMs, away);
});

test("what was found is read part by part, once for all who ask, and not again after a refusal", async () => {
  const asked: string[] = [];
  let refuse = false;
  const api = { get: (path: string): Promise<unknown> => {
    asked.push(path);
    if (refuse) return Promise.resolve({ ok: false, problem: { status: 403, type: "forbidden", title: "no" } });
    const first = path === "/discoveries";
    return Promise.resolve({ ok: true, value: { items: [find(first ? "a" : "b")], searching: !first, next: first ? "p 2" : null } });
  } };
  const finds = new Finds(api as unknown as Api, true);
  await Promise.all([finds.refresh(), finds.refresh()]);
  assert.deepEqual(asked, ["/discoveries", "/discoveries?cursor=p%202", "/discoveries", "/discoveries?cursor=p%202"]);
  assert.deepEqual(finds.seen.get()?.items.map(({ id }) => id), ["a", "b"]);
  assert.equal(finds.seen.get()?.searching, true);
  refuse = true;
  await finds.refresh();
  await finds.refresh();
  assert.equal(asked.length, 5);
  const viewer = new Finds(api as unknown as Api, false);
  await viewer.refresh();
  assert.equal(asked.length, 5, "nothing is read for who may not accept");
});
