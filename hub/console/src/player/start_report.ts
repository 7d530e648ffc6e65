import type { Freshness } from "./freshness.ts";
import type { PlayerState } from "./machine_types.ts";
import type { PlaySource } from "./source.ts";

/** Tells how long a start took, once per connection, as soon as the age of its pictures is known. */
export class StartReport {
  readonly #source: PlaySource;
  #askedAt = 0;
  #startupMs: number | undefined;
  #reported = false;

  constructor(source: PlaySource) {
    this.#source = source;
  }

  asked(): void {
    this.#askedAt = performance.now();
  }

  pictured(): void {
    this.#startupMs ??= performance.now() - this.#askedAt;
  }

  tell(state: PlayerState, freshness: Freshness): void {
    if (this.#reported || this.#startupMs === undefined || state.kind !== "playing" || freshness.kind !== "live") return;
    this.#reported = true;
    this.#source.measured(state.session, { startupMs: this.#startupMs, latencyMs: freshness.ageMs });
  }

  /** The connection is gone; the next one is measured anew. */
  over(): void {
    this.#startupMs = undefined;
    this.#reported = false;
  }
}
