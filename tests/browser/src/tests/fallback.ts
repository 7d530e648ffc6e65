import assert from "node:assert/strict";
import { ConsolePage } from "../harness/console_page.ts";
import { say, test } from "../harness/runner.ts";
import { Stack } from "../harness/stack.ts";
import { World } from "../harness/world.ts";

/** An address of this machine at which nothing listens, by UDP or TCP: no packet leaves it. */
const NOWHERE = `advertised_addresses = ["127.201.0.1"]`;

/** A hub of its own, whose WebRTC cannot be reached; the page reaches its HTTP. */
export function fallbackTests(world: World): void {
  test("where WebRTC does not get through, LL-HLS shows the picture with the reason, and the wall remembers", async () => {
    const stack = await Stack.start({ folder: "browser-blocked", cameras: 3, webrtc: [NOWHERE] });
    try {
      const blocked = new World(stack, world.browser);
      const context = await blocked.context();
      const console = await ConsolePage.signedIn(context, stack);
      const asked: Record<string, unknown>[] = [];
      const offers: string[] = [];
      console.page.on("request", (request) => {
        if (request.url().endsWith("/api/v1/play")) asked.push(request.postDataJSON() as Record<string, unknown>);
        if (request.method() === "POST" && request.url().includes("/whep/")) offers.push(request.url());
      });
      const [first, second, third] = [blocked.camera(1), blocked.camera(2), blocked.camera(3)];
      const began = performance.now();
      await console.press(first);
      await console.live(first, 20_000);
      say(`    live ${Math.round(performance.now() - began)} ms after the click, by LL-HLS`);
      await console.clocksAdvance([first]);
      const words = await console.words(first);
      assert.match(words.source, /^LL-HLS/);
      assert.match(words.note, /WebRTC does not get through this network/);
      assert.equal(offers.length, 1);

      await console.press(second);
      await console.live(second, 10_000);
      assert.equal(offers.length, 1, "the second tile tried again what the first had found out");
      assert.match((await console.words(second)).note, /no UDP/);
      assert.deepEqual(networks(asked).map(({ udp }) => udp), ["unknown", "blocked"]);

      await console.page.reload();
      await console.page.waitForSelector(".tile");
      await console.press(third);
      await console.live(third, 10_000);
      assert.equal(offers.length, 1, "a reload forgot it");
      assert.ok(networks(asked).every(({ http }) => http === "h2"), JSON.stringify(asked));
      await blocked.clear();
    } finally {
      await stack.stop();
    }
  });

  test("who insists on WebRTC gets no other, and reads why it does not come", async () => {
    const stack = await Stack.start({ folder: "browser-blocked", cameras: 1, webrtc: [NOWHERE] });
    try {
      const blocked = new World(stack, world.browser);
      const console = await ConsolePage.signedIn(await blocked.context(), stack);
      await console.choose(blocked.camera(1), "webrtc");
      await console.press(blocked.camera(1));
      await console.says(blocked.camera(1), /WebRTC does not get through this network/, 15_000);
      await blocked.clear();
    } finally {
      await stack.stop();
    }
  });

  test("a play tells what this browser decodes, asked of WebRTC and of media sources", async () => {
    const console = await world.operator();
    const request = console.page.waitForRequest((candidate) => candidate.url().endsWith("/api/v1/play"));
    await console.press(world.camera(1));
    const { viewer } = (await request).postDataJSON() as { viewer: { codecs: string[] } };
    const real = await console.page.evaluate(() => ({
      rtp: (RTCRtpReceiver.getCapabilities("video")?.codecs ?? []).map(({ mimeType }) => mimeType),
      hevc: MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"'),
    }));
    assert.ok(viewer.codecs.includes("h264") && viewer.codecs.includes("mse:aac") && viewer.codecs.includes("webrtc:pcmu"), viewer.codecs.join(" "));
    assert.equal(viewer.codecs.some((name) => name.endsWith("h265")), real.rtp.includes("video/H265") || real.hevc, viewer.codecs.join(" "));
  });
}

function networks(asked: readonly Record<string, unknown>[]): { readonly udp: string; readonly http: string }[] {
  return asked.map(({ viewer }) => (viewer as { network: { udp: string; http: string } }).network);
}
