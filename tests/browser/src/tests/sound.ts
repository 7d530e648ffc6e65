import assert from "node:assert/strict";
import type { ConsolePage } from "../harness/console_page.ts";
import { sample } from "../harness/metrics.ts";
import { OddCamera } from "../harness/odd_camera.ts";
import { eventually, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";
import { unbroken } from "./tiers.ts";

/** The virtual cameras beep once a second; two are listened for. In ms. */
const LISTEN_MS = 2_200;
/** A beep is far louder, coding noise far softer. */
const AUDIBLE = 0.02;

/** Keeps the page's peer connections where a test can ask them. */
const KEEP_PEERS = `
  window.peers = [];
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer { constructor(...given) { super(...given); window.peers.push(this); } };
`;

declare global {
  interface Window {
    peers: RTCPeerConnection[];
  }
}

export function soundTests(world: World): void {
  test("a camera's G.711 is off until the speaker is pressed, and comes over WebRTC", async () => {
    const camera = await OddCamera.start(world.stack, "Talking", ["--audio", "pcma"]);
    try {
      const console = await shown(world, camera);
      await console.live(camera.id);
      assert.equal(await audioPackets(console), 0, "sound was sent unasked");
      assert.equal(await console.page.$eval(video(camera.id), (element) => (element as HTMLVideoElement).muted), true);
      await console.speaker(camera.id).click();
      await heard(console, camera.id);
      assert.match((await console.words(camera.id)).source, /^WebRTC/);
      await eventually(5_000, async () => { assert.ok((await energy(console)) > 0, "no energy in what was decoded"); });
      await console.live(camera.id);
      await console.speaker(camera.id).click();
      await silent(console, camera.id);
      await packetsStop(console);
    } finally {
      await camera.end();
    }
  });

  test("AAC, which WebRTC does not carry, moves the tile to LL-HLS when its speaker is pressed, and back", async () => {
    const camera = await OddCamera.start(world.stack, "AAC", ["--audio", "aac"]);
    try {
      const console = await shown(world, camera);
      await console.live(camera.id);
      assert.match((await console.words(camera.id)).source, /^WebRTC/);
      await console.speaker(camera.id).click();
      await eventually(10_000, async () => { assert.match((await console.words(camera.id)).source, /^LL-HLS/); });
      await console.live(camera.id);
      await heard(console, camera.id);
      assert.match((await console.words(camera.id)).note, /sound/);
      await console.live(camera.id);
      await console.speaker(camera.id).click();
      await eventually(10_000, async () => { assert.match((await console.words(camera.id)).source, /^WebRTC/); });
      await silent(console, camera.id);
    } finally {
      await camera.end();
    }
  });

  test("sound that is turned on stops no picture and makes none look old", async () => {
    const camera = await OddCamera.start(world.stack, "Beeping", ["--audio", "opus"]);
    try {
      const console = await shown(world, camera);
      await console.live(camera.id);
      const before = sample(await world.stack.hubMetrics(), "sluice_webrtc_leaps_total");
      await console.watch(camera.id);
      const words = await console.page.evaluateHandle((id) => {
        const said = new Set<string>();
        const tile = document.querySelector<HTMLElement>(`.tile[data-camera="${id}"]`);
        new MutationObserver(() => said.add(tile?.innerText ?? "")).observe(tile as Node, { subtree: true, childList: true, characterData: true });
        return said;
      }, camera.id);
      await console.speaker(camera.id).click();
      await heard(console, camera.id);
      await eventually(5_000, async () => { assert.equal(sample(await world.stack.hubMetrics(), "sluice_webrtc_leaps_total") - before, 1); });
      await console.clocksAdvance([camera.id]);
      unbroken(await console.watched(camera.id));
      const said = await words.evaluate((all) => [...all]);
      assert.deepEqual(said.filter((text) => /behind|late|frozen|unknown|stands still/i.test(text)), []);
    } finally {
      await camera.end();
    }
  });

  test("over LL-HLS sound is fetched only once it is wanted", async () => {
    const camera = await OddCamera.start(world.stack, "Opus", ["--audio", "opus"]);
    try {
      const console = await shown(world, camera, "ll-hls");
      const sound: string[] = [];
      console.page.on("request", (request) => { if (/\/hls\/s\/.*\/(audio|a-|a\d)/.test(request.url())) sound.push(request.url()); });
      await console.live(camera.id);
      await console.clocksAdvance([camera.id]);
      assert.deepEqual(sound, []);
      await console.speaker(camera.id).click();
      await heard(console, camera.id);
      assert.ok(sound.length > 0);
      await console.live(camera.id);
    } finally {
      await camera.end();
    }
  });

  test("one tile is heard at a time, and keys turn sound on and set its volume", async () => {
    const cameras = [await OddCamera.start(world.stack, "Left", ["--audio", "pcmu"]), await OddCamera.start(world.stack, "Right", ["--audio", "opus"])] as const;
    try {
      const [left, right] = cameras;
      const console = await shown(world, left);
      await console.press(right.id);
      await console.live(left.id);
      await console.live(right.id);
      const { page } = console;
      await page.locator(`.tile[data-camera="${left.id}"] .tile-buttons button`).first().focus();
      await page.keyboard.press("m");
      await heard(console, left.id);
      const loud = await volume(console, left.id);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      assert.ok(Math.abs((await volume(console, left.id)) - (loud - 0.2)) < 0.011, `${loud} → ${await volume(console, left.id)}`);
      await page.keyboard.press("ArrowUp");
      assert.equal(await page.getByRole("slider", { name: "Volume of Left" }).inputValue(), String(await volume(console, left.id)));
      await page.locator(`.tile[data-camera="${right.id}"] .tile-buttons button`).first().focus();
      await page.keyboard.press("m");
      await heard(console, right.id);
      await silent(console, left.id);
      await page.keyboard.press("m");
      await silent(console, right.id);
    } finally {
      for (const camera of cameras) await camera.end();
    }
  });

  test("a camera without sound says so at its speaker", async () => {
    const console = await world.operator();
    await console.press(world.camera(1));
    await console.live(world.camera(1));
    const speaker = console.page.getByRole("button", { name: "Camera 1 has no sound" });
    await speaker.waitFor();
    assert.equal(await speaker.getAttribute("aria-disabled"), "true");
    await speaker.click({ force: true });
    assert.equal(await console.page.$eval(video(world.camera(1)), (element) => (element as HTMLVideoElement).muted), true);
  });
}

function video(id: string): string {
  return `.tile[data-camera="${id}"] video`;
}

/** An operator before a wall of nine whose one odd camera is asked to play. */
async function shown(world: World, camera: OddCamera, protocol: "auto" | "ll-hls" = "auto"): Promise<ConsolePage> {
  const console = await world.operator(KEEP_PEERS);
  await console.layout(9);
  await console.page.waitForSelector(`.tile[data-camera="${camera.id}"]`);
  if (protocol !== "auto") await console.choose(camera.id, protocol);
  await console.press(camera.id);
  return console;
}

async function heard(console: ConsolePage, id: string): Promise<void> {
  await eventually(15_000, async () => {
    const peak = await console.page.evaluate(([camera, ms]) => window.probe.peak(camera, ms), [id, LISTEN_MS] as const);
    assert.ok(peak > AUDIBLE, `the loudest sample was ${peak}`);
  });
}

async function silent(console: ConsolePage, id: string): Promise<void> {
  await eventually(5_000, async () => { assert.equal(await console.page.evaluate((camera) => window.probe.peak(camera, 100), id), 0); });
}

function volume(console: ConsolePage, id: string): Promise<number> {
  return console.page.$eval(video(id), (element) => (element as HTMLVideoElement).volume);
}

interface Inbound {
  readonly packets: number;
  readonly energy: number;
}

function inbound(console: ConsolePage): Promise<Inbound> {
  return console.page.evaluate(async () => {
    let [packets, energy] = [0, 0];
    for (const peer of window.peers) {
      (await peer.getStats()).forEach((entry: RTCStats) => {
        const { kind, packetsReceived, totalAudioEnergy } = entry as RTCInboundRtpStreamStats;
        if (entry.type !== "inbound-rtp" || kind !== "audio") return;
        packets += packetsReceived ?? 0;
        energy += totalAudioEnergy ?? 0;
      });
    }
    return { packets, energy };
  });
}

async function audioPackets(console: ConsolePage): Promise<number> {
  return (await inbound(console)).packets;
}

async function energy(console: ConsolePage): Promise<number> {
  return (await inbound(console)).energy;
}

/** No audio packet came between two looks: sound costs nothing while nobody listens. */
async function packetsStop(console: ConsolePage): Promise<void> {
  let before = await audioPackets(console);
  await eventually(5_000, async () => {
    const now = await audioPackets(console);
    const more = now - before;
    before = now;
    assert.equal(more, 0, `${more} packets more`);
  });
}
