import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { ConsolePage } from "../harness/console_page.ts";
import { OnvifSite } from "../harness/onvif_site.ts";
import { eventually, test } from "../harness/runner.ts";
import { audit } from "./pages.ts";
import type { World } from "../harness/world.ts";

/** Cameras are asked one after the other, and a password is tried at each. */
const UNDERSTOOD_LIMIT_MS = 40_000;

export function findTests(world: World): void {
  test("cameras are found, opened with a password that was tried at all of them, accepted and played", async () => {
    await withSite(world, ["Quay", "127.91.0.0"], 3, async (site, console) => {
      const { page } = console;
      await found(page, site, 3);
      for (const camera of [1, 2, 3]) await row(page, site, camera).getByRole("checkbox").check();
      await audit(page, "finds, some of them selected");
      await page.getByRole("button", { name: "Try passwords", exact: true }).click();
      await tryPasswords(page, [["installer", "wrong one"], [site.user, site.password]]);
      await page.locator(".try-count", { hasText: "3 of 3 opened" }).waitFor({ timeout: 60_000 });
      await audit(page, "passwords that were tried");
      await page.getByRole("button", { name: "Accept 3" }).click();
      await audit(page, "cameras to be accepted");
      const names = page.locator(".accept-list input");
      for (const at of [0, 1, 2]) await names.nth(at).fill(`Accepted ${at + 1}`);
      await page.locator("dialog").getByRole("button", { name: "Accept", exact: true }).click();
      await page.getByText("3 cameras accepted.").waitFor();
      const ids = await accepted(world, /^Accepted \d$/, 3);
      await console.open("wall");
      await page.getByRole("radio", { name: "9 tiles" }).check();
      for (const id of ids) await console.press(id);
      for (const id of ids) await console.live(id);
      await console.clocksAdvance(ids);
    });
  });

  test("a wrong password is told for each camera, and an ignored find is put aside and back", async () => {
    await withSite(world, ["Yard", "127.92.0.0"], 1, async (site, { page }) => {
      await found(page, site, 1);
      await row(page, site, 1).getByRole("button", { name: /^Try passwords/ }).click();
      await tryPasswords(page, [["installer", "wrong one"]]);
      await page.locator(".try-count", { hasText: "0 of 1 opened" }).waitFor({ timeout: 60_000 });
      await page.keyboard.press("Escape");
      await eventually(10_000, async () => { assert.equal(await row(page, site, 1).getAttribute("data-state"), "refused"); });
      await row(page, site, 1).getByRole("button", { name: /^Ignore/ }).click();
      await row(page, site, 1).waitFor({ state: "detached" });
      await page.getByRole("radio", { name: /^Ignored/ }).check({ force: true });
      await row(page, site, 1).getByRole("button", { name: /again$/ }).click();
      await page.getByRole("radio", { name: /^New/ }).check({ force: true });
      await row(page, site, 1).waitFor();
    });
  });

  test("a camera is added by its ONVIF address, turns by arrow keys while they are held, and stops on release", async () => {
    await withSite(world, ["Gate", "127.93.0.0"], 1, async (site, console) => {
      const { page } = console;
      await addByOnvif(console, site, "Turning");
      const [id] = await accepted(world, /^Turning$/, 1);
      assert.ok(id);
      await console.open("wall");
      await page.getByRole("radio", { name: "9 tiles" }).check();
      await console.press(id);
      await console.live(id);
      await page.getByRole("button", { name: "Turn Turning" }).click();
      await audit(page, "a camera that can be turned");
      const before = await site.head(1);
      // The camera obeys over the connection that shows it: the API's way is shut, and nobody knocks.
      let knocked = 0;
      await page.route("**/cameras/*/ptz", (route) => {
        knocked += 1;
        return route.abort();
      });
      await page.keyboard.down("ArrowRight");
      await eventually(5_000, async () => { assert.ok((await site.head(1)).pan > before.pan + 0.02, JSON.stringify(await site.head(1))); });
      // Longer than the camera goes on by itself: the key is still held.
      await eventually(5_000, async () => { assert.ok((await site.head(1)).pan > before.pan + 0.3, JSON.stringify(await site.head(1))); });
      await page.keyboard.up("ArrowRight");
      await eventually(3_000, async () => { assert.equal((await site.head(1)).pan_tilt_moving, false); });
      await page.keyboard.down("+");
      await eventually(5_000, async () => { assert.ok((await site.head(1)).zoom > before.zoom + 0.02); });
      await page.evaluate(() => { window.dispatchEvent(new Event("blur")); });
      await eventually(3_000, async () => { assert.equal((await site.head(1)).zoom_moving, false); });
      await page.keyboard.up("+");
      assert.equal(knocked, 0);
      await page.unroute("**/cameras/*/ptz");
      // HLS has no such connection: the same keys go by the API.
      await console.choose(id, "ll-hls");
      await eventually(10_000, async () => { assert.match((await console.words(id)).source, /^LL-HLS/); });
      await console.live(id);
      const asked = page.waitForResponse(/\/cameras\/[^/]+\/ptz$/);
      const there = await site.head(1);
      await page.keyboard.down("ArrowLeft");
      assert.equal((await asked).status(), 204);
      await eventually(5_000, async () => { assert.ok((await site.head(1)).pan < there.pan - 0.02); });
      await page.keyboard.up("ArrowLeft");
      await eventually(3_000, async () => { assert.equal((await site.head(1)).pan_tilt_moving, false); });
    });
  });

  test("the page of a camera tells its streams, its maker, its sessions and what it noticed", async () => {
    await withSite(world, ["Hall", "127.94.0.0"], 1, async (site, console) => {
      const { page } = console;
      await addByOnvif(console, site, "Telling");
      const [id] = await accepted(world, /^Telling$/, 1);
      await console.open(`cameras/${id ?? ""}`);
      await page.getByRole("heading", { name: "Telling" }).waitFor();
      await page.locator('.stream[data-tier="sub"]', { hasText: "640×360" }).waitFor({ timeout: 20_000 });
      await page.locator(".camera-device dd").first().waitFor();
      await page.locator(".camera-sessions li", { hasText: "Sub" }).waitFor({ timeout: 20_000 });
      await eventually(20_000, async () => {
        await site.event(1, "motion-on");
        await site.event(1, "motion-off");
        assert.ok((await page.locator('.events li[data-kind="motion"]').count()) > 0);
      });
      await audit(page, "the page of a camera");
    });
  });

  test("advice shows first what it would change, is followed by the camera, and is taken back", async () => {
    await withSite(world, ["Dome", "127.95.0.0"], 1, async (site, console) => {
      const { page } = console;
      await addByOnvif(console, site, "Slow keys");
      const advice = page.locator('[data-advice="gop-long"]', { hasText: "Sub" });
      await advice.getByRole("button").click({ timeout: 40_000 });
      const dialog = page.getByRole("dialog");
      await dialog.locator("tr.changed", { hasText: "Pictures between key frames" }).waitFor();
      await audit(page, "a change to be confirmed");
      await dialog.getByRole("button", { name: "Change it" }).click();
      await page.getByText("Applied.", { exact: false }).waitFor();
      await page.getByRole("button", { name: "Undo the last change of Sub" }).click();
      await page.getByText("Undone.").waitFor();
    }, ["--gop", "6"]);
  });

  test("a camera's password is entered again on its page, and it plays again", async () => {
    await withSite(world, ["Lock", "127.96.0.0"], 1, async (site, console) => {
      const { page } = console;
      await addByOnvif(console, site, "Locked");
      const state = page.locator(".camera-state");
      await state.locator('.chip[data-tone="live"]').waitFor({ timeout: UNDERSTOOD_LIMIT_MS });
      await enterPassword(page, "wrong one");
      await state.getByText("The camera does not accept user and password", { exact: false }).waitFor({ timeout: UNDERSTOOD_LIMIT_MS });
      await state.getByText("Enter user and password again", { exact: false }).waitFor();
      await enterPassword(page, site.password);
      await state.locator('.chip[data-tone="live"]').waitFor({ timeout: UNDERSTOOD_LIMIT_MS });
    });
  });

  test("a site's password is kept, never shown, and removed", async () => {
    const { page } = await world.operator();
    await page.goto(`${world.stack.url}/#/sites`);
    const card = page.locator("[data-site]").first();
    await card.getByLabel("What it is for").fill("Domes");
    await card.getByLabel("User").fill("keeper");
    await card.getByLabel("Password").fill("never to be seen");
    await card.getByRole("button", { name: "Add", exact: true }).click();
    const kept = card.locator("[data-credential]", { hasText: "keeper" });
    await kept.waitFor();
    assert.ok(!(await page.content()).includes("never to be seen"));
    await card.getByRole("button", { name: "Remove Domes" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await kept.waitFor({ state: "detached" });
  });
}

/** Cameras of a test's own, and an operator at the inbox; both are gone afterwards, and what was accepted too. */
async function withSite(world: World, place: readonly [string, string], cameras: number, body: (site: OnvifSite, console: ConsolePage) => Promise<void>, args: readonly string[] = []): Promise<void> {
  const site = await OnvifSite.start(world.stack, place, cameras, args);
  const before = new Set(await cameraIds(world));
  try {
    await body(site, await world.operator());
  } finally {
    for (const id of await cameraIds(world)) if (!before.has(id)) await world.stack.call("DELETE", `/cameras/${id}`);
    await site.stop();
  }
}

async function cameraIds(world: World): Promise<string[]> {
  const { body } = await world.stack.call("GET", "/cameras");
  return (body.items as { id: string }[]).map(({ id }) => id);
}

/** Waits until cameras of these names are ready, and answers their ids. */
async function accepted(world: World, name: RegExp, count: number): Promise<string[]> {
  return eventually(UNDERSTOOD_LIMIT_MS, async () => {
    const { body } = await world.stack.call("GET", "/cameras");
    const cameras = (body.items as { id: string; name: string; state: { code: string } }[]).filter((camera) => name.test(camera.name));
    assert.equal(cameras.filter(({ state }) => ["ready", "live"].includes(state.code)).length, count, JSON.stringify(cameras.map(({ name: called, state }) => [called, state])));
    return cameras.map(({ id }) => id);
  });
}

/** Opens the inbox, searches where the cameras are, and waits until each of them stands there and asks for a password. */
async function found(page: Page, site: OnvifSite, cameras: number): Promise<void> {
  const all = Array.from({ length: cameras }, (_, at) => at + 1);
  await page.getByRole("link", { name: /^Found/ }).click();
  await page.getByRole("button", { name: "Search elsewhere" }).click();
  await page.getByLabel("Single addresses").fill(all.map((camera) => site.address(camera)).join("\n"));
  await page.locator("dialog").getByRole("button", { name: "Search now" }).click();
  for (const camera of all) await page.locator('.find[data-state="needs-credentials"]', { has: page.getByText(site.address(camera), { exact: true }) }).waitFor({ timeout: UNDERSTOOD_LIMIT_MS });
}

function row(page: Page, site: OnvifSite, camera: number): ReturnType<Page["locator"]> {
  return page.locator(".find", { has: page.getByText(site.address(camera), { exact: true }) });
}

async function tryPasswords(page: Page, pairs: readonly (readonly [string, string])[]): Promise<void> {
  const dialog = page.locator("dialog");
  for (const [at, [user, password]] of pairs.entries()) {
    if (at > 0) await dialog.getByRole("button", { name: "One more" }).click();
    await dialog.getByLabel("User", { exact: true }).nth(at).fill(user);
    await dialog.getByLabel("Password", { exact: true }).nth(at).fill(password);
  }
  await dialog.getByRole("button", { name: "Try", exact: true }).click();
}

async function enterPassword(page: Page, password: string): Promise<void> {
  const form = page.locator(".camera-login");
  await form.getByLabel("Password").fill(password);
  await form.getByRole("button", { name: "Use these" }).click();
  await form.getByText("tried at once", { exact: false }).waitFor();
}

async function addByOnvif(console: ConsolePage, site: OnvifSite, name: string): Promise<void> {
  const { page } = console;
  await console.open("cameras/new");
  await page.fill("[name=name]", name);
  await page.fill("[name=address]", site.address(1));
  await page.fill("[name=username]", site.user);
  await page.fill("[name=password]", site.password);
  await page.click("form button[type=submit]");
  await page.getByRole("heading", { name }).waitFor({ timeout: 60_000 });
}
