import assert from "node:assert/strict";
import test from "node:test";
import type { Camera, TierReport } from "../src/api/types.ts";
import { CameraEvents } from "../src/app/camera_events.ts";
import { warmCost } from "../src/app/warm.ts";
import { span } from "../src/ui/language.ts";
import { streamWords } from "../src/ui/streams.ts";
import { cameraEn, cameraPtBR } from "../src/ui/texts_camera.ts";
import { findsEn, findsPtBR } from "../src/ui/texts_finds.ts";
import { formEn, formPtBR } from "../src/ui/texts_form.ts";
import { ptzEn, ptzPtBR } from "../src/ui/texts_ptz.ts";
import { scheduleEn, schedulePtBR } from "../src/ui/texts_schedule.ts";
import { whatToDo } from "../src/views/camera.ts";
import { changes } from "../src/views/camera_doctor.ts";
import { deviceFacts } from "../src/views/camera_facts.ts";
import { heldWords } from "../src/views/camera_sessions.ts";
import { changed, costWords, parseBudget } from "../src/views/camera_settings.ts";

const tier = (name: string, kbps: number | null, gop: number | null): TierReport =>
  ({ tier: name, bitrate_kbps: kbps, gop_s: gop, b_frames: false, protocols: [], state: "warm", viewers: 0, warm: true });

test("the dictionaries of pages fill the same blanks in both languages", () => {
  const blanks = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([blank]) => blank).sort();
  const pairs: readonly (readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>])[] = [[findsEn, findsPtBR], [cameraEn, cameraPtBR], [formEn, formPtBR], [ptzEn, ptzPtBR], [scheduleEn, schedulePtBR]];
  for (const [english, portuguese] of pairs) {
    assert.deepEqual(Object.keys(portuguese).sort(), Object.keys(english).sort());
    for (const [key, text] of Object.entries(english)) assert.deepEqual(blanks(portuguese[key] ?? ""), blanks(text), key);
  }
});

test("keeping a camera ready costs what its kept streams cost, and is unknown before they are", () => {
  const tiers = [tier("main", 4_000, 2), tier("sub", 500, 4)];
  assert.deepEqual(warmCost(tiers, "sub"), { kbps: 500, megabytes: 0.25 });
  assert.deepEqual(warmCost(tiers, "all"), { kbps: 4_500, megabytes: 1.25 });
  assert.deepEqual(warmCost(tiers, "none"), { kbps: 0, megabytes: 0 });
  assert.deepEqual(warmCost([tier("main", 4_000, 2)], "sub"), { kbps: 4_000, megabytes: 1 }, "the only stream there is");
  assert.equal(warmCost([tier("main", 4_000, 2), tier("sub", null, 4)], "sub"), undefined);
  assert.equal(costWords([tier("sub", null, null)], "sub"), cameraEn["warm-unknown"]);
});

test("a budget is a small whole number, or nothing", () => {
  assert.deepEqual(["", " ", "4", "0", "64"].map(parseBudget), [0, 0, 4, 0, 64]);
  for (const text of ["-1", "2.5", "65", "many"]) assert.equal(parseBudget(text), undefined, text);
});

test("only what differs is sent", () => {
  const camera = { name: "Gate", warm: "sub", enabled: true } as unknown as Camera;
  assert.deepEqual(changed(camera, { name: "Gate", warm: "all", enabled: true, session_budget: 0 }), { warm: "all" });
  assert.deepEqual(changed({ ...camera, warm_of_site: true }, { warm: "sub" }), { warm: "sub" }, "what the site says is not what was laid down for it");
  assert.deepEqual(changed({ ...camera, session_budget: 3 }, { session_budget: 0 }), { session_budget: 0 });
});

test("sessions that wait hold nothing, and an unknown budget is not told as a number", () => {
  const items = ["open", "opening", "waiting"].map((state) => ({ kind: "rtsp", purpose: "sub", state, since: 0 }));
  assert.equal(heldWords({ budget: 4, items }), "2 of 4 held");
  assert.match(heldWords({ budget: null, items }), /^2 held; .*not known/);
  assert.equal(heldWords({ budget: 0, items: [] }), cameraEn["sessions-none"]);
});

test("a change is shown setting by setting, and what nobody says is left out", () => {
  assert.deepEqual(changes({ codec: "H264", gop_frames: 100, profile: "", constant_bitrate: null }, { codec: "H264", gop_frames: 25, constant_bitrate: true }), [
    { name: "Codec", before: "H264", after: "H264", changed: false },
    { name: "Pictures between key frames", before: "100", after: "25", changed: true },
    { name: "Constant bit rate", before: "", after: "yes", changed: true },
  ]);
});

test("every reason for which a person can do something says what", () => {
  for (const reason of ["unreachable", "wrong-password", "sessions-exhausted", "not-found", "unsupported-codec", "no-key-frame", "stalled", "protocol-error", "device-offline"]) {
    assert.notEqual(whatToDo(reason, "bad"), "", reason);
  }
  assert.equal(whatToDo(undefined, "live"), cameraEn.well);
  assert.equal(whatToDo("unheard-of", "bad"), "");
});

test("a camera without facts tells its address alone, and a clock tells which way it is off", () => {
  const source = { type: "rtsp", has_password: true, tiers: [{ tier: "main", url: "rtsp://10.0.0.7:554/a" }] };
  assert.deepEqual(deviceFacts({ source }).map(([, value]) => value), ["10.0.0.7:554"]);
  const device = { manufacturer: "Acme", model: "", firmware: "", serial: "", can: { ptz: true, events: false, snapshot: false, encoder: false, sync_point: null }, clock_offset_ms: -60_000, trouble: "" };
  const values = deviceFacts({ source, device }).map(([, value]) => value);
  assert.deepEqual(values, ["Acme", "10.0.0.7:554", "60 sec behind", cameraEn["can.ptz"]]);
});

test("a span is told in the largest unit that fits it twice", () => {
  assert.deepEqual([900, 61_000, 150_000, 7_300_000, 200_000_000].map(span), ["1 sec", "61 sec", "3 min", "2 hr", "2 days"]);
});

test("streams are told by what is known of them", () => {
  assert.deepEqual(streamWords({ codec: "avc1.42c01f", width: 1920, height: 1080, fps: 24.98, gop_s: 2.04, bitrate_kbps: 4_096 }), ["H.264", "1920×1080", "25 fps", "GOP 2 s", "4.1 Mbit/s"]);
  assert.deepEqual(streamWords({ codec: "H265", bitrate_kbps: 512 }), ["H.265", "512 kbit/s"]);
  assert.deepEqual(streamWords({}), []);
});

test("events are kept newest first and in bounds", () => {
  const events = new CameraEvents();
  for (let at = 0; at < 60; at += 1) events.add({ camera_id: "cam_0", kind: "motion", source: "", at });
  assert.equal(events.of("cam_0").length, 50);
  assert.equal(events.of("cam_0")[0]?.at, 59);
  for (let camera = 1; camera <= 200; camera += 1) events.add({ camera_id: `cam_${camera}`, kind: "motion", source: "", at: 0 });
  assert.equal(events.of("cam_0").length, 0, "the longest silent camera was forgotten");
  assert.equal(events.count.get(), 260);
});
