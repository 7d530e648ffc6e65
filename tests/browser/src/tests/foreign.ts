import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Page } from "playwright-core";
import { eventually, Skip, test, within } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";

declare const __HERE__: string;

const SCRIPT = path.resolve(__HERE__, "../fixtures/gst_camera.py");
/** Debian's own: the packages of GStreamer are not for another Python. */
const PYTHON = "/usr/bin/python3";
const USER = "installer";
const PASSWORD = "not-ours-7c1d";
/** How the script says that a Debian package is missing. */
const PACKAGE_MISSING = 3;
const START_LIMIT_MS = 15_000;

export function foreignTests(world: World): void {
  test("a camera that others wrote plays", async () => {
    const { child, url } = await startCamera();
    let id: string | undefined;
    try {
      id = await addCamera(world, url);
      const console = await world.operator();
      // The four virtual cameras fill the first page of four.
      await console.page.check(".layouts input[value='9']", { force: true });
      await console.page.waitForSelector(`.tile[data-camera="${id}"]`);
      await console.press(id);
      await console.live(id, 30_000);
      await picturesMove(console.page, id);
      const words = await console.words(id);
      assert.equal(words.name, "From GStreamer");
      assert.match(words.source, /WebRTC · main · 640×360/);
    } finally {
      if (id !== undefined) await world.stack.call("DELETE", `/cameras/${id}`);
      await end(child);
    }
  });
}

/** Starts GStreamer's RTSP server with digest authentication and answers where it streams. */
async function startCamera(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(PYTHON, [SCRIPT, "--auth", "digest", "--user", USER, "--password", PASSWORD], { stdio: ["ignore", "pipe", "pipe"] });
  let trouble = "";
  child.stderr.on("data", (part: Buffer) => { trouble += part.toString(); });
  const ended = new Promise<never>((_, reject) => {
    child.once("error", (error) => { reject(new Skip(`${PYTHON} cannot be run: ${error.message}`)); });
    child.once("close", (code) => { reject(code === PACKAGE_MISSING ? new Skip(trouble.trim().replace(/^SKIPPED: /, "")) : new Error(`${SCRIPT} ended (${String(code)}): ${trouble}`)); });
  });
  // It ends at the close of the test too, when nobody waits for this any more.
  ended.catch(() => undefined);
  const told = once(createInterface({ input: child.stdout }), "line") as Promise<[string]>;
  try {
    const [line] = await within(START_LIMIT_MS, Promise.race([told, ended]), "the camera does not start");
    return { child, url: (JSON.parse(line) as { url: string }).url };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

async function addCamera(world: World, url: string): Promise<string> {
  const { body: devices } = await world.stack.call("GET", "/devices");
  const device = (devices.items as { id: string; site_id: string }[])[0];
  assert.ok(device, "no device");
  const { status, body } = await world.stack.call("POST", "/cameras", {
    name: "From GStreamer", site_id: device.site_id, via: device.id,
    source: { type: "rtsp", username: USER, password: PASSWORD, tiers: [{ tier: "main", url }] },
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id as string;
}

/** Frames are decoded one after the other, and they differ. */
async function picturesMove(page: Page, id: string): Promise<void> {
  const look = (): Promise<{ frames: number; pixels: string }> => page.$eval(`.tile[data-camera="${id}"] video`, (element) => {
    const video = element as HTMLVideoElement;
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
    const context = canvas.getContext("2d");
    context?.drawImage(video, 0, 0, 64, 36);
    return { frames: video.getVideoPlaybackQuality().totalVideoFrames, pixels: canvas.toDataURL() };
  });
  const first = await look();
  assert.ok(first.frames > 0, "no frame was decoded");
  await eventually(15_000, async () => {
    const now = await look();
    assert.ok(now.frames >= first.frames + 50, `${first.frames} → ${now.frames} frames`);
    assert.notEqual(now.pixels, first.pixels, "every picture is the same");
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await within(5_000, ended, "the camera does not end").catch(() => child.kill("SIGKILL"));
}
