import assert from "node:assert/strict";
import { ConsolePage } from "../harness/console_page.ts";
import { test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";

export function signInTests(world: World): void {
  test("a wrong password is told in words, and the right one leads to the wall", async () => {
    const context = await world.context();
    const console = new ConsolePage(await context.newPage(), world.stack);
    await console.page.goto(world.stack.url);
    await console.signIn("not the password");
    await console.page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
    await console.signIn(world.stack.password);
    await console.page.waitForSelector(".tile");
    assert.equal(await console.page.locator(".tile").count(), 4);
  });

  test("the session survives a reload and ends with the sign-out", async () => {
    const { page } = await world.operator();
    await page.reload();
    await page.waitForSelector(".tile");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForSelector("[name=password]");
    await page.reload();
    await page.waitForSelector("[name=password]");
  });

  test("the texts change to Brazilian Portuguese and stay so", async () => {
    const { page } = await world.operator();
    await page.selectOption(".language", "pt-BR");
    await page.getByRole("button", { name: "Reproduzir tudo" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Reproduzir tudo" }).waitFor();
    assert.equal(await page.getAttribute("html", "lang"), "pt-BR");
  });
}
