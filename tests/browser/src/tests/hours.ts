import assert from "node:assert/strict";
import { eventually, test } from "../harness/runner.ts";
import { audit } from "./pages.ts";
import type { World } from "../harness/world.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

export function hoursTests(world: World): void {
  test("hours at which something else is kept ready are set with the keyboard and held after a reload", async () => {
    const console = await world.operator();
    const { page } = console;
    await console.open("sites");
    const card = page.locator("[data-site]").first();
    const site = `/sites/${(await card.getAttribute("data-site")) ?? ""}`;
    const rows = card.locator(".hours-row");
    // Far from now, so that the other tests' cameras are kept as they are.
    const day = DAYS[new Date(Date.now() + 3 * 86_400_000).getUTCDay()] ?? "Monday";
    try {
      await card.getByLabel("Time zone").fill("Sao Paulo");
      await page.keyboard.press("Enter");
      await card.locator(".field-error", { hasText: "no such time zone" }).waitFor();
      await card.getByLabel("Time zone").fill("africa/abidjan");
      await page.keyboard.press("Enter");
      await eventually(5_000, async () => { assert.equal(await card.getByLabel("Time zone").inputValue(), "Africa/Abidjan"); });

      await card.getByRole("button", { name: "Add hours" }).press("Enter");
      // The focus is at the new row's first day; the week's first five are chosen.
      for (let at = 0; at < 5; at += 1) {
        await page.keyboard.press("Space");
        await page.keyboard.press("Tab");
      }
      await card.getByRole("button", { name: "Save hours" }).press("Enter");
      await card.getByText("Choose a day.").waitFor();
      await audit(page, "hours without a day");
      await rows.getByRole("checkbox", { name: day }).press("Space");
      await rows.getByLabel("From").fill("22:30");
      await rows.getByLabel("To", { exact: true }).fill("06:15");
      await rows.getByText("ends the next day").waitFor();
      await card.getByRole("button", { name: "Save hours" }).press("Enter");
      await card.getByText("Saved.").waitFor();

      await page.reload();
      await rows.waitFor();
      const chosen = await rows.getByRole("checkbox", { checked: true }).evaluateAll((boxes) => boxes.map((box) => box.getAttribute("aria-label")));
      assert.deepEqual(chosen, [day]);
      assert.deepEqual([await rows.getByLabel("From").inputValue(), await rows.getByLabel("To", { exact: true }).inputValue()], ["22:30", "06:15"]);
      assert.equal(await rows.locator("select").inputValue(), "main");
      await card.getByText(`Now: the small picture, until ${day} 22:30.`).waitFor();
      await audit(page, "hours of a site");

      await console.open(`cameras/${world.camera(1)}`);
      await page.getByText(`Now: the small picture, until ${day} 22:30.`).waitFor();
      await page.getByText("The site's hours hold.").waitFor();
      await page.getByLabel("Kept ready while nobody watches").selectOption("sub");
      await page.getByRole("button", { name: "Add hours" }).waitFor();
      await audit(page, "a camera that gets hours of its own");
      await page.getByRole("button", { name: "Add hours" }).click();
      await page.getByLabel("Kept ready meanwhile").selectOption("sub");
      await page.locator(".camera-settings button[type=submit]").click();
      await page.locator(".camera-settings [role=status]", { hasText: "Saved" }).waitFor();
      const own = (await world.stack.call("GET", `/cameras/${world.camera(1)}`)).body;
      assert.deepEqual([own.warm_of_site, own.warm_schedule], [false, [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "08:00", to: "18:00", warm: "sub" }]]);

      await console.open("sites");
      await rows.getByRole("button", { name: "Remove hours 1" }).press("Enter");
      await card.getByRole("button", { name: "Save hours" }).press("Enter");
      await card.getByText("Saved.").waitFor();
      assert.deepEqual((await world.stack.call("GET", site)).body.warm_schedule, []);
    } finally {
      await world.stack.call("PATCH", site, { time_zone: "UTC", warm_schedule: [] });
      await world.stack.call("PATCH", `/cameras/${world.camera(1)}`, { warm: "site" });
    }
  });
}
