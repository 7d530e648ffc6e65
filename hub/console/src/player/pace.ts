/** A player this much behind its place runs until it is nearly there, s. Less is not worth a change of pace. */
const BEHIND_S = 0.1;
const NEARLY_S = 0.03;
/** Faster than this is seen and heard. */
const FASTEST = 1.5;
/** What must be left in the buffer at its lowest, s: a little more than a part, so that a late one is not missed. */
const RESERVE_S = 0.25;
/** The buffer falls and rises with every part; its lowest of this time counts. In ms. */
const WINDOW_MS = 1_000;

/**
 * How fast to play to come to the place that the playlist asks for (PART-HOLD-BACK). Pure.
 *
 * hls.js does so too, but only while more than a second lies in the buffer: it stays wherever less than that is left,
 * up to half a second later than it could be.
 */
export class Pace {
  #lows: { readonly at: number; readonly bufferS: number }[] = [];
  #running = false;

  /** The rate for the next moments: `behindS` from its place, with `bufferS` left to play. `now` in monotonic ms. */
  rate(now: number, behindS: number, bufferS: number): number {
    this.#lows = [...this.#lows.filter(({ at }) => now - at < WINDOW_MS), { at: now, bufferS }];
    const lowest = Math.min(...this.#lows.map((low) => low.bufferS));
    this.#running = lowest > RESERVE_S && behindS > (this.#running ? NEARLY_S : BEHIND_S);
    if (!this.#running) return 1;
    return Math.min(FASTEST, 1 + Math.round(Math.max(0.05, behindS) * 20) / 20);
  }
}
