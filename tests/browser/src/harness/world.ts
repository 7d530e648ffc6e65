import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch, newContext, watchErrors } from "./browser.ts";
import { ConsolePage } from "./console_page.ts";
import { eventually } from "./runner.ts";
import { sample } from "./metrics.ts";
import type { Stack } from "./stack.ts";

/** What the tests share: one stack, one browser, a fresh profile for each viewer. */
export class World {
  readonly stack: Stack;
  readonly browser: Browser;
  readonly #contexts: BrowserContext[] = [];
  readonly #pages: Page[] = [];
  readonly #errors: string[] = [];

  constructor(stack: Stack, browser: Browser) {
    this.stack = stack;
    this.browser = browser;
  }

  /** One more operator, signed in, in a profile of his own. `before` runs in each page before anything else. */
  async operator(before = ""): Promise<ConsolePage> {
    const context = await this.context(before);
    return ConsolePage.signedIn(context, this.stack);
  }

  async context(before = ""): Promise<BrowserContext> {
    const context = await newContext(this.browser, before);
    context.on("page", (page) => {
      this.#pages.push(page);
      watchErrors(page, (error) => this.#errors.push(error));
    });
    this.#contexts.push(context);
    return context;
  }

  /** A browser of its own, for tests that kill it. */
  ownBrowser(): Promise<Browser> {
    return launch();
  }

  /** The first virtual camera, and the others. */
  camera(number: number): string {
    const camera = this.stack.cameras[number - 1];
    if (!camera) throw new Error(`no camera ${number}`);
    return camera.id;
  }

  get allCameras(): readonly string[] {
    return this.stack.cameras.map(({ id }) => id);
  }

  /** Closes every profile of the test that ended, and waits until nobody watches. */
  async clear(): Promise<void> {
    this.#pages.length = 0;
    this.#errors.length = 0;
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
    await this.stack.mend();
  }

  /** Waits until no feed stands between edge and node. */
  async silence(ms: number): Promise<void> {
    await eventually(ms, async () => {
      const feeds = sample(await this.stack.hubMetrics(), "sluice_node_feeds");
      if (feeds !== 0) throw new Error(`${feeds} feeds still stand`);
    });
  }

  /** What tells why a test failed: a picture of every page and the ends of the logs. */
  async evidence(name: string): Promise<string> {
    const lines = this.#errors.slice(-20);
    for (const [at, page] of this.#pages.entries()) {
      const file = `${this.stack.dir}/${name.replace(/[^a-z0-9]+/gi, "-").slice(0, 60)}-${at}.png`;
      await page.screenshot({ path: file }).then(() => lines.push(`screenshot ${file}`), () => undefined);
    }
    for (const program of [this.stack.hub, this.stack.edge, this.stack.camsim]) lines.push(`-- end of ${program.log}`, program.tail(8));
    return lines.join("\n");
  }
}
