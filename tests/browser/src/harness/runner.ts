/** Thrown by a test that cannot run here; the text says why. */
export class Skip extends Error {}

interface Entry {
  readonly name: string;
  readonly body: () => Promise<void>;
  readonly limitMs: number;
}

const entries: Entry[] = [];
const TEST_LIMIT_MS = 120_000;

/** Declares a test; its name is a sentence. */
export function test(name: string, body: () => Promise<void>, limitMs = TEST_LIMIT_MS): void {
  entries.push({ name, body, limitMs });
}

let afterEach: () => Promise<void> = () => Promise.resolve();

/** What is done after each test, whatever became of it. */
export function setAfterEach(body: () => Promise<void>): void {
  afterEach = body;
}

/** Runs the declared tests one after the other and answers how many failed. `onFailure` gathers evidence. */
export async function runAll(only: readonly string[], onFailure: (name: string) => Promise<string>): Promise<number> {
  const chosen = entries.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body, limitMs } of chosen) {
    const began = performance.now();
    try {
      await within(limitMs, body(), "the test did not end in time");
      counts.passed += 1;
      say(`ok - ${name} (${Math.round(performance.now() - began)} ms)`);
    } catch (error) {
      if (error instanceof Skip) {
        counts.skipped += 1;
        say(`SKIPPED - ${name}: ${error.message}`);
        continue;
      }
      counts.failed += 1;
      say(`not ok - ${name} (${Math.round(performance.now() - began)} ms)`);
      say(indent(error instanceof Error ? (error.stack ?? error.message) : String(error)));
      say(indent(await onFailure(name).catch((reason: unknown) => `no evidence: ${String(reason)}`)));
    } finally {
      await afterEach();
    }
  }
  say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed;
}

/** `promise`, or an error after `ms`. */
export async function within<T>(ms: number, promise: Promise<T>, late: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(new Error(`${late} (${ms} ms)`)); }, ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` until it no longer throws; the last error tells what was missing. */
export async function eventually<T>(ms: number, probe: () => Promise<T>): Promise<T> {
  const giveUp = performance.now() + ms;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() >= giveUp) throw error;
      await sleep(POLL_MS);
    }
  }
}

const POLL_MS = 100;

/** For pacing samples and polls, never for waiting until something has surely happened. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function indent(text: string): string {
  return text.split("\n").map((line) => `    ${line}`).join("\n");
}
