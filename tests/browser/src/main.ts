import { chromiumIsInstalled, launch } from "./harness/browser.ts";
import { runAll, say, setAfterEach } from "./harness/runner.ts";
import { Stack } from "./harness/stack.ts";
import { World } from "./harness/world.ts";
import { fallbackTests } from "./tests/fallback.ts";
import { findTests } from "./tests/finds.ts";
import { foreignTests } from "./tests/foreign.ts";
import { hoursTests } from "./tests/hours.ts";
import { leavingTests } from "./tests/leaving.ts";
import { llHlsTests } from "./tests/llhls.ts";
import { pageTests } from "./tests/pages.ts";
import { playingTests } from "./tests/playing.ts";
import { recoveryTests } from "./tests/recovery.ts";
import { signInTests } from "./tests/sign_in.ts";
import { tierTests } from "./tests/tiers.ts";
import { soundTests } from "./tests/sound.ts";
import { expiryTests, tokenTests } from "./tests/tokens.ts";

const only = process.argv.slice(2);

if (!chromiumIsInstalled()) {
  say("SKIPPED - all browser tests: no Chromium at /usr/bin/chromium (SLUICE_CHROMIUM names another)");
  say("0 passed, 0 failed, 1 skipped");
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  let stack: Stack;
  try {
    stack = await Stack.start({ edge: ["[cameras.discovery]", "enabled = false", 'interfaces = ["127.0.0.1"]'] });
  } catch (error) {
    say(`not ok - hub, edge and cameras start\n    ${error instanceof Error ? error.message : String(error)}`);
    say("0 passed, 1 failed, 0 skipped");
    return 1;
  }
  const stop = (): void => { void stack.stop().then(() => process.exit(130)); };
  process.once("SIGINT", stop);
  const browser = await launch();
  try {
    const world = new World(stack, browser);
    tokenTests(world);
    signInTests(world);
    playingTests(world);
    llHlsTests(world);
    soundTests(world);
    tierTests(world);
    fallbackTests(world);
    foreignTests(world);
    pageTests(world);
    hoursTests(world);
    findTests(world);
    leavingTests(world);
    expiryTests(world);
    recoveryTests(world);
    setAfterEach(() => world.clear());
    return (await runAll(only, (name) => world.evidence(name))) === 0 ? 0 : 1;
  } finally {
    process.off("SIGINT", stop);
    await browser.close();
    await stack.stop();
  }
}
