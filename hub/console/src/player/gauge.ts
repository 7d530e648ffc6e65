import type { ServerClock } from "./clock.ts";
import type { Connection } from "./engine.ts";
import { judge, PictureWatch, type Freshness } from "./freshness.ts";
import type { Signal } from "./signal.ts";

/** Size and counts of what is decoded, for overlays. */
export interface PlayerStats {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** What a gauge reads, and where it writes. */
export interface GaugeOptions {
  readonly video: HTMLVideoElement;
  readonly connection: Connection;
  readonly clock: ServerClock;
  /** 2,000 if absent. */
  readonly lateAboveMs: number | undefined;
  readonly freshness: Signal<Freshness>;
  readonly stats: Signal<PlayerStats | undefined>;
  /** A new picture is on the screen, or would be if the page were. */
  readonly pictured: () => void;
  /** Something was decoded. */
  readonly alive: () => void;
}

const LATE_ABOVE_MS = 2_000;
/** The age is told this often, ms. */
const JUDGE_EVERY_MS = 200;
const STATS_EVERY_MS = 1_000;

/** Watches the pictures of one connection: when they change, how old they are, what is decoded. */
export class Gauge {
  readonly #options: GaugeOptions;
  readonly #watch = new PictureWatch();
  readonly #tickers: readonly ReturnType<typeof setInterval>[];
  #mark: number | undefined;
  #pictureAt: number | undefined;
  #decoded = 0;
  #closed = false;

  constructor(options: GaugeOptions) {
    this.#options = options;
    this.#next();
    this.#tickers = [
      setInterval(() => { this.#judge(); }, JUDGE_EVERY_MS),
      setInterval(() => void this.#look(), STATS_EVERY_MS),
    ];
  }

  /** When the newest picture came, ms by the page's monotonic clock. */
  get pictureAt(): number | undefined {
    return this.#pictureAt;
  }

  /** What marks the newest picture. */
  get mark(): number | undefined {
    return this.#mark;
  }

  /** Ends; what it told last is told on if another gauge takes over at once. */
  close(takenOver = false): void {
    this.#closed = true;
    this.#tickers.forEach(clearInterval);
    if (takenOver) return;
    this.#options.stats.set(undefined);
    this.#options.freshness.set({ kind: "unknown" });
  }

  #next(): void {
    const { video, connection } = this.#options;
    video.requestVideoFrameCallback((_now, metadata) => {
      if (this.#closed) return;
      this.#pictured(connection.mark(metadata));
      this.#next();
    });
  }

  #pictured(mark: number): void {
    const { video, connection, freshness, pictured } = this.#options;
    // Chromium calls back for a paused element too, and once more for a picture that it only drew again (for a
    // screenshot, a resize): neither is a new picture.
    if (video.paused) return;
    const now = performance.now();
    this.#mark = mark;
    if (!this.#watch.isNew(now, mark, connection.stamp())) return;
    this.#pictureAt = now;
    pictured();
    if (freshness.get().kind !== "live") this.#judge();
  }

  #judge(): void {
    const { clock, connection, freshness, lateAboveMs } = this.#options;
    const now = performance.now();
    freshness.set(judge({
      now,
      serverUnixMs: clock.serverTime(now),
      anchor: connection.stamp(),
      rtp: this.#mark,
      pictureAt: this.#pictureAt,
      lateAboveMs: lateAboveMs ?? LATE_ABOVE_MS,
    }));
  }

  /** Decoded frames count as life where the page shows none: in a hidden tab no frame callback comes. */
  async #look(): Promise<void> {
    const decoded = await this.#options.connection.decoded().catch(() => undefined);
    if (!decoded || this.#closed) return;
    if (decoded.frames > this.#decoded) {
      if (document.hidden) this.#options.pictured();
      else this.#options.alive();
    }
    this.#decoded = decoded.frames;
    this.#options.stats.set({ width: decoded.width, height: decoded.height, fps: decoded.fps });
  }
}
