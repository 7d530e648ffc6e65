/** One exchange with the hub's clock. All in ms; the first two by the page's monotonic clock. */
export interface ClockSample {
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly serverUnixMs: number;
}

/** Drift allowed between two clocks: 100 ppm. It lets a fresh sample win over an old one that was a little better. */
const DRIFT = 1e-4;
const KEPT_SAMPLES = 8;

/**
 * The hub's clock as seen from this page. Pure: samples come in, the hub's time comes out.
 *
 * The page's own wall clock is never asked: it may be an hour off, or step while somebody watches.
 */
export class ServerClock {
  #samples: readonly ClockSample[] = [];

  /** Takes one exchange into account. */
  learn(sample: ClockSample): void {
    if (sample.receivedAt < sample.sentAt) return;
    this.#samples = [...this.#samples, sample].slice(-KEPT_SAMPLES);
  }

  /** The hub's time (unix ms) at the local monotonic instant `at`, or undefined while nothing is known. */
  serverTime(at: number): number | undefined {
    const best = this.#best(at);
    if (best === undefined) return undefined;
    // The server read its clock about half-way through the exchange.
    return best.serverUnixMs + (at - (best.sentAt + best.receivedAt) / 2);
  }

  /** How far off `serverTime` may be, in ms. */
  uncertainty(at: number): number | undefined {
    const best = this.#best(at);
    return best && error(best, at);
  }

  #best(at: number): ClockSample | undefined {
    let best: ClockSample | undefined;
    for (const sample of this.#samples) {
      if (best === undefined || error(sample, at) < error(best, at)) best = sample;
    }
    return best;
  }
}

function error(sample: ClockSample, at: number): number {
  return (sample.receivedAt - sample.sentAt) / 2 + Math.abs(at - sample.receivedAt) * DRIFT;
}

/** How long a clock that is being kept waits between exchanges, in ms: four quick ones, then seldom. */
export function nextSampleIn(taken: number): number {
  return taken < 4 ? 250 : 30_000;
}

/**
 * Keeps `clock` by asking `read` (which answers the hub's unix ms) until `signal` aborts.
 * A failed exchange is simply not learned from.
 */
export async function keepClock(clock: ServerClock, read: () => Promise<number | undefined>, signal: AbortSignal): Promise<void> {
  for (let taken = 0; !signal.aborted; taken += 1) {
    const sentAt = performance.now();
    const serverUnixMs = await read();
    if (serverUnixMs !== undefined) clock.learn({ sentAt, receivedAt: performance.now(), serverUnixMs });
    await pause(serverUnixMs === undefined ? 2_000 : nextSampleIn(taken), signal);
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
