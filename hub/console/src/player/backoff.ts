/** The first wait's upper end, in ms. */
export const FIRST_WAIT_MS = 500;
/** No wait is longer, in ms: an operator who looks at a dead tile must see it come back soon after its cause is gone. */
export const LONGEST_WAIT_MS = 10_000;

/**
 * How long to wait before try number `attempt` (0 is the first retry), in ms.
 *
 * The upper half is drawn at random, so that fifty tiles that lost one hub do not come back in one instant.
 * `random` is a number in [0, 1).
 */
export function waitMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 16));
  return Math.max(FIRST_WAIT_MS, ceiling * (0.5 + random / 2));
}
