import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { OddCamera } from "../harness/odd_camera.ts";
import { eventually, say, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";
import { assertTrueAge } from "./playing.ts";

/** What LL-HLS promises an operator, in ms. */
const AGE_LIMIT_MS = 1_500;
/** A wall that was told of the block in an earlier visit. */
const BLOCKED_BEFORE = `localStorage.setItem("sluice.webrtc-blocked-until", String(Date.now() + 300000));`;

export function llHlsTests(world: World): void {
  test("a tile that is asked for LL-HLS plays it over HTTP/2 and tells its true age", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.choose(id, "ll-hls");
    await console.press(id);
    await console.live(id);
    await console.clocksAdvance([id]);
    await assertTrueAge(console, id);
    await youngerThan(() => console.words(id), AGE_LIMIT_MS);
    await eventually(3_000, async () => { assert.match((await console.words(id)).source, /^LL-HLS · (main|sub) · \d+×\d+$/); });
    assert.equal((await console.words(id)).note, "", "what was wished needs no excuse");
    assert.deepEqual(await mediaHops(console.page), ["h2"]);
  });

  test("who plays by WebRTC alone never fetches hls.js", async () => {
    const console = await world.operator();
    await console.press(world.camera(1));
    await console.live(world.camera(1));
    const scripts = await console.page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.endsWith(".js")));
    assert.ok(scripts.length > 0);
    assert.deepEqual(scripts.filter((name) => name.includes("hls")), []);
  });

  test("the protocol of a playing tile is changed by its menu, and back", async () => {
    const console = await world.operator();
    const id = world.camera(2);
    await console.press(id);
    await console.live(id);
    assert.match((await console.words(id)).source, /^WebRTC/);
    await console.choose(id, "ll-hls");
    await eventually(10_000, async () => { assert.match((await console.words(id)).source, /^LL-HLS/); });
    await console.live(id);
    await console.clocksAdvance([id]);
    await console.choose(id, "auto");
    await eventually(10_000, async () => { assert.match((await console.words(id)).source, /^WebRTC/); });
    await console.live(id);
  });

  test("standard HLS plays some segments behind, and says how late it is", async () => {
    const console = await world.operator();
    const id = world.camera(3);
    await console.choose(id, "hls");
    await console.press(id);
    await eventually(40_000, async () => {
      const words = await console.words(id);
      assert.equal(words.player, "playing", JSON.stringify(words));
      assert.match(words.source, /^HLS/);
      assert.ok(words.ageMs !== undefined && words.ageMs > 0, JSON.stringify(words));
    });
    await console.clocksAdvance([id], 20_000);
    await assertTrueAge(console, id);
  });

  test("nine tiles of LL-HLS play at once over one HTTP/2 connection", async () => {
    const more = await Promise.all([1, 2, 3, 4, 1].map((camera, at) => world.stack.addCamera(
      `Tile ${at + 5}`, [{ tier: "sub", url: world.stack.rtsp(camera, "sub") }],
      { username: world.stack.cameraUser, password: world.stack.cameraPassword },
    )));
    try {
      const console = await world.operator(BLOCKED_BEFORE);
      await console.layout(9);
      await eventually(10_000, async () => { assert.equal(await console.page.locator(".tile").count(), 9); });
      await console.pressAll();
      const all = [...world.allCameras, ...more];
      for (const id of all) await console.live(id, 40_000);
      for (const id of all) assert.match((await console.words(id)).source, /^LL-HLS/);
      await console.clocksAdvance(all, 20_000);
      assert.deepEqual(await mediaHops(console.page), ["h2"]);
    } finally {
      await Promise.all(more.map((id) => world.stack.call("DELETE", `/cameras/${id}`)));
    }
  });

  test("a camera with B-frames is played by LL-HLS, with the reason", async () => {
    const camera = await OddCamera.start(world.stack, "B-frames", ["--codec", "h264-bframes"]);
    try {
      const console = await world.operator();
      await console.layout(9);
      await console.page.waitForSelector(`.tile[data-camera="${camera.id}"]`);
      await console.press(camera.id);
      await console.live(camera.id, 30_000);
      const words = await console.words(camera.id);
      assert.match(words.source, /^LL-HLS/);
      assert.match(words.note, /B-frames/);
      await framesCome(console.page, camera.id);
    } finally {
      await camera.end();
    }
  });

  test("a camera with H.265 alone says why this browser cannot show it, and what would help", async () => {
    const camera = await OddCamera.start(world.stack, "H.265", ["--codec", "h265"]);
    try {
      const console = await world.operator();
      const codecs = await console.page.evaluate(() => MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"'));
      assert.equal(codecs, false, "this Chromium decodes H.265; the test is about one that does not");
      await console.layout(9);
      await console.page.waitForSelector(`.tile[data-camera="${camera.id}"]`);
      await console.press(camera.id);
      const words = await console.says(camera.id, /Cannot play.*(hvc1|H\.265)/i, 10_000);
      assert.match(words.detail, /H\.264/i, "no word of what would help");
    } finally {
      await camera.end();
    }
  });

  test("the player module plays LL-HLS in somebody else's page, and fetches hls.js only then", async () => {
    const console = await world.operator();
    const seen = await console.page.evaluate(async ([cameraId, token]) => {
      const module = (await import(`${location.origin}/player-0.1.0.js`)) as typeof import("../../../../hub/console/src/player/index.ts");
      const video = document.createElement("video");
      video.muted = true;
      document.body.prepend(video);
      const hub = new module.HubSessions({ base: location.origin, headers: () => ({ authorization: `Bearer ${token}` }) });
      const source = hub.source({ cameraId, size: () => ({ width: 640, height: 360 }) });
      const player = new module.Player({ video, source, clock: new module.ServerClock(), protocol: "ll-hls" });
      const before = performance.getEntriesByType("resource").filter(({ name }) => name.includes("player-hls")).length;
      await new Promise<void>((resolve) => {
        player.state.subscribe((state) => { if (state.kind === "playing") resolve(); });
        player.play();
      });
      const after = performance.getEntriesByType("resource").filter(({ name }) => name.includes("player-hls")).length;
      player.close();
      return { before, after };
    }, [world.camera(1), world.stack.token] as const);
    assert.deepEqual(seen, { before: 0, after: 1 });
  });

  test("neither tokens nor session secrets are told by page or log", async () => {
    const console = await world.operator();
    const id = world.camera(4);
    const secrets = new Set<string>();
    console.page.on("request", (request) => {
      const url = new URL(request.url());
      for (const secret of [url.searchParams.get("token"), /\/hls\/s\/([^/]+)/.exec(url.pathname)?.[1]]) if (secret) secrets.add(secret);
    });
    await console.choose(id, "ll-hls");
    await console.press(id);
    await console.live(id);
    assert.ok(secrets.size >= 2, `a token and a secret were expected, ${secrets.size} found`);
    const told = [await console.page.content(), await console.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })), console.page.url(), readFileSync(world.stack.hub.log, "utf8")];
    const { body } = await world.stack.call("GET", "/sessions");
    told.push(JSON.stringify(body));
    for (const secret of secrets) assert.ok(!told.some((text) => text.includes(secret)), "a secret was told");
  });

  test("the last LL-HLS viewer stops: its session and the feed end", async () => {
    const console = await world.operator();
    const id = world.camera(4);
    await console.choose(id, "ll-hls");
    await console.press(id);
    await console.live(id);
    await console.press(id);
    await eventually(5_000, async () => {
      const { body } = await world.stack.call("GET", "/sessions");
      const left = (body.items as { camera_id: string }[]).filter((session) => session.camera_id === id);
      assert.deepEqual(left, []);
    });
    await world.silence(20_000);
  });

  test("a camera that goes away and comes back plays on over LL-HLS", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.choose(id, "ll-hls");
    await console.press(id);
    await console.live(id);
    await world.stack.fault(1, "offline");
    await console.says(id, /camera (does not answer|sends no video)|Frozen/i);
    await world.stack.fault(1, "restore");
    const began = performance.now();
    await console.live(id, 40_000);
    say(`    live ${Math.round(performance.now() - began)} ms after the camera came back`);
    await console.clocksAdvance([id]);
  });

  test("the hub is killed under LL-HLS: the tile says so, and plays again by itself", async () => {
    const console = await world.operator();
    const id = world.camera(1);
    await console.choose(id, "ll-hls");
    await console.press(id);
    await console.live(id);
    await world.stack.hub.kill();
    await console.says(id, /hub does not answer/i);
    world.stack.hub.start();
    await world.stack.answers();
    await console.live(id, 60_000);
    assert.match((await console.words(id)).source, /^LL-HLS/);
    await console.clocksAdvance([id]);
  });
}

async function youngerThan(words: () => Promise<{ readonly ageMs: number | undefined }>, ms: number): Promise<void> {
  await eventually(10_000, async () => {
    const { ageMs } = await words();
    assert.ok(ageMs !== undefined && ageMs < ms, `the picture is ${String(ageMs)} ms old`);
  });
}

/** The HTTP versions by which media were fetched. */
function mediaHops(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const fetched = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    return [...new Set(fetched.filter(({ name }) => name.includes("/hls/s/")).map(({ nextHopProtocol }) => nextHopProtocol))];
  });
}

/** Pictures are decoded one after the other, and none is lost. */
export async function framesCome(page: Page, id: string): Promise<void> {
  const look = (): Promise<{ readonly frames: number; readonly dropped: number }> => page.$eval(`.tile[data-camera="${id}"] video`, (element) => {
    const { totalVideoFrames: frames, droppedVideoFrames: dropped } = (element as HTMLVideoElement).getVideoPlaybackQuality();
    return { frames, dropped };
  });
  const first = await look();
  await eventually(15_000, async () => {
    const now = await look();
    assert.ok(now.frames >= first.frames + 60, `${first.frames} → ${now.frames} frames`);
    assert.ok(now.dropped - first.dropped <= (now.frames - first.frames) / 2, `${now.dropped - first.dropped} pictures lost`);
  });
}
