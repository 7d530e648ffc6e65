import assert from "node:assert/strict";
import type { BrowserContext, Locator, Page } from "playwright-core";
import type { Probe, Shown, Watched } from "../page/probe.ts";
import { eventually } from "./runner.ts";
import type { Stack } from "./stack.ts";

declare global {
  interface Window {
    probe: Probe;
  }
}

/** What a tile says of itself. */
export interface TileWords {
  readonly tone: string;
  readonly player: string;
  readonly freshness: string;
  readonly ageMs: number | undefined;
  readonly word: string;
  readonly detail: string;
  readonly source: string;
  /** Why it is not played by WebRTC. */
  readonly note: string;
  readonly age: string;
  readonly name: string;
}

/** The console in one tab, in the words of an operator. */
export class ConsolePage {
  readonly page: Page;
  readonly #stack: Stack;
  readonly #url: string;

  constructor(page: Page, stack: Stack, url = stack.url) {
    this.page = page;
    this.#stack = stack;
    this.#url = url;
  }

  /** Opens the console over HTTPS, by another way to it if `url` says so, and signs in. */
  static async signedIn(context: BrowserContext, stack: Stack, url = stack.url): Promise<ConsolePage> {
    const console = new ConsolePage(await context.newPage(), stack, url);
    await console.page.goto(url);
    await console.signIn(stack.password);
    await console.page.waitForSelector(".tile");
    return console;
  }

  async signIn(password: string): Promise<void> {
    await this.page.fill("[name=username]", this.#stack.user);
    await this.page.fill("[name=password]", password);
    await this.page.click("button[type=submit]");
  }

  async open(place: string): Promise<void> {
    await this.page.goto(`${this.#url}/#/${place}`);
  }

  /** Presses the play (or stop) button of one tile. */
  async press(cameraId: string): Promise<void> {
    await this.page.click(`${tile(cameraId)} .tile-buttons button:first-child`);
  }

  /** Shows as many tiles at once. */
  async layout(tiles: number): Promise<void> {
    await this.page.check(`.layouts input[value="${tiles}"]`, { force: true });
  }

  /** Chooses the protocol of one tile in its menu. */
  async choose(cameraId: string, protocol: "auto" | "webrtc" | "ll-hls" | "hls"): Promise<void> {
    const menu = this.page.locator(`${tile(cameraId)} .tile-menu`);
    if (await menu.isHidden()) await this.page.click(`${tile(cameraId)} .icon-button[aria-controls]`);
    await menu.locator(`input[value="${protocol}"]`).check();
    await this.page.click(`${tile(cameraId)} .icon-button[aria-controls]`);
  }

  /** The button of one tile's sound. */
  speaker(cameraId: string): Locator {
    return this.page.locator(`${tile(cameraId)} .tile-buttons [aria-pressed]`);
  }

  async pressAll(): Promise<void> {
    await this.page.click(".wall .toolbar .primary");
  }

  words(cameraId: string): Promise<TileWords> {
    return this.page.$eval(tile(cameraId), (element) => {
      const { tone, player, freshness, ageMs } = (element as HTMLElement).dataset;
      const text = (part: string): string => element.querySelector(part)?.textContent ?? "";
      return {
        tone: tone ?? "", player: player ?? "", freshness: freshness ?? "", ageMs: ageMs === undefined ? undefined : Number(ageMs),
        word: text(".tile-word"), detail: text(".tile-detail"), source: text(".tile-source"), note: text(".tile-note"), age: text(".tile-age"), name: text(".tile-name"),
      };
    });
  }

  /** Waits until a tile is live: a moving picture of known age. */
  async live(cameraId: string, ms = 20_000): Promise<void> {
    await eventually(ms, async () => {
      const words = await this.words(cameraId);
      assert.equal(words.tone, "live", JSON.stringify(words));
    });
  }

  /** Waits until a tile no longer claims to be live, and says so in words that match. */
  async says(cameraId: string, pattern: RegExp, ms = 20_000): Promise<TileWords> {
    return eventually(ms, async () => {
      const words = await this.words(cameraId);
      assert.notEqual(words.tone, "live", JSON.stringify(words));
      assert.match(`${words.word} ${words.detail}`, pattern);
      return words;
    });
  }

  clocks(): Promise<Record<string, number | undefined>> {
    return this.page.evaluate(() => window.probe.clocks());
  }

  /** The burnt-in clocks of these cameras go forward. */
  async clocksAdvance(cameraIds: readonly string[], ms = 15_000): Promise<void> {
    const first = await eventually(ms, () => this.#clocksOf(cameraIds));
    await eventually(ms, async () => {
      const now = await this.#clocksOf(cameraIds);
      cameraIds.forEach((id, at) => { assert.ok((now[at] ?? 0) >= (first[at] ?? Infinity) + 500, `${id}: ${String(first[at])} → ${String(now[at])}`); });
    });
  }

  async #clocksOf(cameraIds: readonly string[]): Promise<number[]> {
    const clocks = await this.clocks();
    return cameraIds.map((id) => {
      const clock = clocks[id];
      assert.ok(clock !== undefined, `no clock in the picture of ${id}`);
      return clock;
    });
  }

  /** Presses the button that makes one tile large, or small again. */
  async enlarge(cameraId: string): Promise<void> {
    await this.page.click(`${tile(cameraId)} .tile-buttons button:last-child`);
  }

  /** Waits until a tile shows this tier. */
  async showsTier(cameraId: string, tier: string, ms = 20_000): Promise<void> {
    await eventually(ms, async () => { assert.ok((await this.words(cameraId)).source.includes(` · ${tier}`), (await this.words(cameraId)).source); });
  }

  async watch(cameraId: string): Promise<void> {
    await this.page.evaluate((id) => { window.probe.watch(id); }, cameraId);
  }

  watched(cameraId: string): Promise<Watched> {
    return this.page.evaluate((id) => window.probe.watched(id), cameraId);
  }

  async record(cameraId: string): Promise<void> {
    await this.page.evaluate((id) => { window.probe.record(id); }, cameraId);
  }

  shown(cameraId: string): Promise<readonly Shown[]> {
    return this.page.evaluate((id) => window.probe.shown(id), cameraId);
  }
}

function tile(cameraId: string): string {
  return `.tile[data-camera="${cameraId}"]`;
}
