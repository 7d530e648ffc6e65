/** RTP ticks per millisecond of video. */
const TICKS_PER_MS = 90;

/** Which wall-clock instant one RTP timestamp of this viewer's timeline stands for. */
export interface Anchor {
  /** RTP timestamp, 32 bits. */
  readonly rtp: number;
  /** When that picture was taken, unix ms by the hub's clock. */
  readonly capturedAtMs: number;
  /** When the page learned this, ms by its monotonic clock. */
  readonly learnedAt: number;
  /** What was told before this: a node may set RTP time hours ahead, and pictures of before are still to be shown. */
  readonly before?: FreshnessMessage | undefined;
}

/** What can honestly be said about the picture on the screen. */
export type Freshness =
  /** Nothing is known: never to be shown as fresh. */
  | { readonly kind: "unknown" }
  | { readonly kind: "live"; readonly ageMs: number }
  /** Moving, but older than the latency class allows. */
  | { readonly kind: "late"; readonly ageMs: number }
  /** Standing still; `ageMs` is missing where it was never known. */
  | { readonly kind: "frozen"; readonly ageMs?: number; readonly stillMs: number };

/** The freshness message of the data channel `sluice`. */
export interface FreshnessMessage {
  readonly rtp: number;
  readonly capturedAtMs: number;
}

/** An anchor older than this says nothing any more, in ms: they come where they change, and every four seconds. */
const ANCHOR_LIFE_MS = 15_000;
/** A picture cannot come from the future; this much is clock error, more is nonsense. In ms. */
const CLOCK_ERROR_MS = 1_000;
/** A picture that stands still for longer is frozen, in ms. Above the frame interval of a 2 fps camera. */
export const FROZEN_AFTER_MS = 1_000;

/** Reads a message of the data channel; anything else is undefined. */
export function parseMessage(text: string): FreshnessMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { rtp, captured_at_ms: capturedAtMs } = value as Record<string, unknown>;
  if (typeof rtp !== "number" || typeof capturedAtMs !== "number") return undefined;
  return Number.isFinite(rtp) && Number.isFinite(capturedAtMs) ? { rtp: rtp >>> 0, capturedAtMs } : undefined;
}

/** When the picture with RTP timestamp `rtp` was taken, unix ms. Holds across the wrap at 2^32. */
export function capturedAt(anchor: Anchor, rtp: number): number {
  const since = (told: FreshnessMessage): number => (rtp - told.rtp) | 0;
  const { before } = anchor;
  const told = before && Math.abs(since(before)) < Math.abs(since(anchor)) ? before : anchor;
  return told.capturedAtMs + since(told) / TICKS_PER_MS;
}

/**
 * A node answers a browser's call for help with the pictures it has, old ones, at timestamps squeezed into at most
 * this much, ms. Capture time that moves by less has not moved.
 */
const SQUEEZED_MS = 40;
/** Capture time that jumps back by more is a clock that was set right, ms. */
const CLOCK_STEP_MS = 2_000;

/** Pictures that come after this long without any are measured from the last one before, ms. */
const PAUSE_MS = 500;
/**
 * The last ones before a pause may never have been shown: a busy page skips some. What is sent again begins behind the
 * last one sent, so it may lie this much behind the last one shown, ms. Well below a pause.
 */
const UNSEEN_MS = 200;

/** Tells a new picture from one that is only drawn or sent again. */
export class PictureWatch {
  #rtp: number | undefined;
  #shownAt = -Infinity;
  /** The newest capture time of any picture. */
  #newest = -Infinity;
  /** The capture time that the next new picture must be clear of. */
  #mark = -Infinity;

  /** Whether the picture shown at `now` (monotonic ms), by its RTP timestamp, is newer than all before it. */
  isNew(now: number, rtp: number, anchor: Anchor | undefined): boolean {
    if (rtp === this.#rtp) return false;
    if (now - this.#shownAt > PAUSE_MS) this.#mark = this.#newest + UNSEEN_MS;
    this.#rtp = rtp;
    this.#shownAt = now;
    if (anchor === undefined) return true;
    const captured = capturedAt(anchor, rtp);
    if (captured < this.#newest - CLOCK_STEP_MS) this.#newest = this.#mark = -Infinity;
    this.#newest = Math.max(this.#newest, captured);
    if (captured <= this.#mark + SQUEEZED_MS) return false;
    this.#mark = captured;
    return true;
  }
}

/** What `judge` looks at. Instants are ms by the page's monotonic clock unless they say unix. */
export interface Evidence {
  readonly now: number;
  readonly serverUnixMs: number | undefined;
  readonly anchor: Anchor | undefined;
  /** RTP timestamp of the picture on the screen. */
  readonly rtp: number | undefined;
  /** When a new picture last came onto the screen. */
  readonly pictureAt: number | undefined;
  /** Above this age a moving picture is late. */
  readonly lateAboveMs: number;
}

/** The honest word for the picture on the screen. */
export function judge(evidence: Evidence): Freshness {
  const { now, pictureAt } = evidence;
  if (pictureAt === undefined) return { kind: "unknown" };
  const ageMs = age(evidence);
  const stillMs = now - pictureAt;
  if (stillMs > FROZEN_AFTER_MS) return ageMs === undefined ? { kind: "frozen", stillMs } : { kind: "frozen", ageMs, stillMs };
  if (ageMs === undefined) return { kind: "unknown" };
  return { kind: ageMs > evidence.lateAboveMs ? "late" : "live", ageMs };
}

function age({ serverUnixMs, anchor, rtp, pictureAt }: Evidence): number | undefined {
  if (serverUnixMs === undefined || anchor === undefined || rtp === undefined || pictureAt === undefined) return undefined;
  // The anchor must have been good when the picture came; a frozen picture keeps its last anchor for ever.
  if (pictureAt - anchor.learnedAt > ANCHOR_LIFE_MS) return undefined;
  const ageMs = serverUnixMs - capturedAt(anchor, rtp);
  if (ageMs < -CLOCK_ERROR_MS) return undefined;
  return Math.max(0, ageMs);
}
