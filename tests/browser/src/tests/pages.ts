import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { ConsolePage } from "../harness/console_page.ts";
import { eventually, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";

const PLACES = ["wall", "cameras", "cameras/new", "discoveries", "sites", "sessions"] as const;
const SIZES = [[375, 740], [1024, 700], [1920, 1080], [3840, 2160]] as const;

export function pageTests(world: World): void {
  test("the accessibility audit finds nothing on any page, idle or playing, in both languages", async () => {
    const context = await world.context();
    const fresh = new ConsolePage(await context.newPage(), world.stack);
    await fresh.page.goto(world.stack.url);
    await fresh.page.waitForSelector("form");
    await audit(fresh.page, "login");
    const console = await world.operator();
    for (const language of ["en", "pt-BR"]) {
      await console.page.selectOption(".language", language);
      for (const place of [...PLACES, `cameras/${world.camera(1)}`]) {
        await console.open(place);
        await console.page.waitForSelector("h1");
        await audit(console.page, `${place} in ${language}`);
      }
    }
    await console.open("wall");
    await console.pressAll();
    await console.live(world.camera(1));
    await console.page.getByRole("button", { name: /Camera 1/ }).and(console.page.locator("[aria-controls]")).click();
    await audit(console.page, "wall while playing, a menu open");
  });

  test("every page fits from a phone to a 4K wall", async () => {
    const { page } = await world.operator();
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      for (const place of [...PLACES, `cameras/${world.camera(1)}`]) {
        await page.goto(`${world.stack.url}/#/${place}`);
        await page.waitForSelector("h1", { state: "attached" });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${place} at ${width} is ${over} px too wide`);
      }
    }
  });

  test("the wall is worked with the keyboard alone", async () => {
    const console = await world.operator();
    const { page } = console;
    const id = world.camera(1);
    await page.focus("#main");
    await tabTo(page, "Play Camera 1");
    await page.keyboard.press("Enter");
    await console.live(id);
    await tabTo(page, "How Camera 1 is played");
    await page.keyboard.press("Enter");
    await page.getByRole("radio", { name: "Automatic" }).first().waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.getByRole("radio", { name: "Automatic" }).count(), 0);
    await tabTo(page, "Enlarge Camera 1");
    await page.keyboard.press("Enter");
    await eventually(3_000, async () => { assert.equal(await page.locator(".tile").count(), 1); });
    await page.keyboard.press("Escape");
    await eventually(3_000, async () => { assert.equal(await page.locator(".tile").count(), 4); });
    await console.live(id);
  });

  test("a camera is added by the form: faults are told at their fields, and the camera plays", async () => {
    const console = await world.operator();
    const { page } = console;
    await console.open("cameras/new");
    await page.waitForSelector("form");
    await page.click("button[type=submit]");
    assert.equal(await page.locator("[aria-invalid=true]").count(), 2);
    await page.locator("input[value=rtsp]").check();
    assert.equal(await page.locator("[aria-invalid=true]").count(), 0);
    await page.click("button[type=submit]");
    assert.equal(await page.locator("[aria-invalid=true]").count(), 2);
    await page.fill("[name=name]", "Added by hand");
    await page.fill("[name=main]", "rtsp://user:secret@127.0.0.1/main");
    await page.click("button[type=submit]");
    await page.locator("#field-main-error", { hasText: "own fields" }).waitFor();
    await page.fill("[name=main]", world.stack.rtsp(1, "main"));
    await page.fill("[name=username]", world.stack.cameraUser);
    await page.fill("[name=password]", world.stack.cameraPassword);
    await page.click("button[type=submit]");
    const row = page.locator("tr", { hasText: "Added by hand" });
    await row.locator('.chip[data-tone="live"]').waitFor({ timeout: 20_000 });
    const id = (await row.getAttribute("data-camera")) ?? "";
    await console.open("wall");
    await page.getByRole("radio", { name: "9 tiles" }).check();
    await console.press(id);
    await console.live(id);
    await console.clocksAdvance([id]);
    await console.open("cameras");
    await page.getByRole("button", { name: "Remove Added by hand" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await row.waitFor({ state: "detached" });
  });

  test("the list of viewers tells who watches what, and an ended session stays ended", async () => {
    const watching = await world.operator();
    await watching.press(world.camera(1));
    await watching.live(world.camera(1));
    const console = await world.operator();
    await console.open("sessions");
    const row = console.page.locator("tr", { hasText: "Camera 1" }).filter({ hasText: "Watching" });
    await row.filter({ hasText: "operator" }).waitFor();
    const session = (await row.getAttribute("data-session")) ?? "";
    await row.getByRole("button").click();
    await watching.says(world.camera(1), /An operator ended this session/, 5_000);
    await console.page.locator(`tr[data-session="${session}"]`).waitFor({ state: "detached" });
  });

  test("the player works alone, as a versioned module in somebody else's page", async () => {
    const console = await world.operator();
    const played = await console.page.evaluate(async ([cameraId, token]) => {
      const module = (await import(`${location.origin}/player-0.1.0.js`)) as typeof import("../../../../hub/console/src/player/index.ts");
      const video = document.createElement("video");
      video.muted = true;
      document.body.prepend(video);
      const hub = new module.HubSessions({ base: location.origin, headers: () => ({ authorization: `Bearer ${token}` }) });
      const source = hub.source({ cameraId, size: () => ({ width: 640, height: 360 }) });
      const player = new module.Player({ video, source, clock: new module.ServerClock() });
      const states: string[] = [];
      await new Promise<void>((resolve) => {
        player.state.subscribe((state) => {
          states.push(state.kind);
          if (state.kind === "playing") resolve();
        });
        player.play();
      });
      player.close();
      return states;
    }, [world.camera(1), world.stack.token] as const);
    assert.deepEqual([...new Set(played)], ["idle", "asking", "connecting", "awaiting", "playing"]);
  });
}

/** Moves the focus by the keyboard to what has this name. */
async function tabTo(page: Page, label: string): Promise<void> {
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))) === label) return;
  }
  assert.fail(`${label} is not reached by the keyboard`);
}

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly help: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** Fails with what the accessibility audit finds on the page as it stands. */
export async function audit(page: Page, what: string): Promise<void> {
  // By CDP, since the console's policy forbids scripts that are not its own.
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResult> } }).axe.run());
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html }) => html).join("\n  ")}`);
  assert.equal(violations.length, 0, `${what}:\n${told.join("\n")}`);
}
