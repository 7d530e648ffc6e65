import { existsSync, readFileSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

declare const __PROBE__: string;

const CHROMIUM = process.env.SLUICE_CHROMIUM ?? "/usr/bin/chromium";

/** A page's background must not be slowed down, WebRTC must see the loopback, and nothing may call home. */
const FLAGS = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-domain-reliability", "--no-pings",
  "--metrics-recording-only", "--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", "--allow-loopback-in-peer-connection",
  "--disable-features=Translate,MediaRouter,OptimizationHints,WebRtcHideLocalIpsWithMdns",
];

export function chromiumIsInstalled(): boolean {
  return existsSync(CHROMIUM);
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: FLAGS,
    headless: false,
    // Playwright's own switch selects the old headless shell, which lacks half of what is tested.
    ignoreDefaultArgs: ["--headless"],
    handleSIGINT: false,
  });
}

/** A fresh profile whose pages carry the probe. */
export async function newContext(browser: Browser, before = ""): Promise<BrowserContext> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, locale: "en-GB" });
  await context.addInitScript({ content: `${before}\n${readFileSync(__PROBE__, "utf8")}` });
  return context;
}

/** Hands on whatever a page complains about. */
export function watchErrors(page: Page, tell: (error: string) => void): void {
  page.on("pageerror", (error) => { tell(`page: ${error.message}`); });
  page.on("console", (message) => { if (message.type() === "error") tell(`page console: ${message.text()} ${message.location().url}`); });
}
