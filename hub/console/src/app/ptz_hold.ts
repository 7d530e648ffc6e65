/** A direction that is held. */
export type Direction = "left" | "right" | "up" | "down" | "in" | "out";

/** How a camera is to move: speeds from -1 to 1. */
export interface Motion {
  readonly pan: number;
  readonly tilt: number;
  readonly zoom: number;
}

export type PtzOrder = { readonly kind: "move"; readonly motion: Motion } | { readonly kind: "stop" };

export type PtzInput =
  | { readonly kind: "pressed"; readonly direction: Direction }
  | { readonly kind: "released"; readonly direction: Direction }
  /** Whatever takes the hand from the keys: the window lost, the picture gone. */
  | { readonly kind: "let-go" }
  | { readonly kind: "speed"; readonly speed: number }
  /** The hub has answered the last order, or will not. */
  | { readonly kind: "answered" }
  | { readonly kind: "tick" };

/** A motion is told again this often while it is held, ms: the camera stops by itself when it is not. */
export const REPEAT_EVERY_MS = 400;
/** How long the camera goes on without hearing anything, ms. */
export const DEAD_MAN_MS = 1_000;

const STILL: Motion = { pan: 0, tilt: 0, zoom: 0 };

/**
 * What is held becomes what the camera is told. Pure: one order is on the way at a time, so that none overtakes a stop,
 * and the newest wish wins.
 *
 * ```text
 * still ──pressed──▶ moving (told again every 400 ms) ──released──▶ stopping ──answered──▶ still
 * ```
 */
export class PtzHold {
  readonly #held = new Set<Direction>();
  #speed: number;
  #asked: Motion = STILL;
  #askedAt = -Infinity;
  #onTheWay = false;
  #orders: PtzOrder[] = [];

  constructor(speed: number) {
    this.#speed = speed;
  }

  get moving(): boolean {
    return this.#held.size > 0;
  }

  handle(now: number, input: PtzInput): void {
    switch (input.kind) {
      case "pressed":
        this.#held.delete(opposite(input.direction));
        this.#held.add(input.direction);
        break;
      case "released":
        this.#held.delete(input.direction);
        break;
      case "let-go":
        this.#held.clear();
        break;
      case "speed":
        this.#speed = input.speed;
        break;
      case "answered":
        this.#onTheWay = false;
        break;
      case "tick":
        break;
    }
    this.#decide(now);
  }

  poll(): PtzOrder | undefined {
    return this.#orders.shift();
  }

  /** When it must be asked again though nothing happened. */
  deadline(): number | undefined {
    return this.moving && !this.#onTheWay ? this.#askedAt + REPEAT_EVERY_MS : undefined;
  }

  #decide(now: number): void {
    if (this.#onTheWay) return;
    const wanted = this.#motion();
    const same = wanted.pan === this.#asked.pan && wanted.tilt === this.#asked.tilt && wanted.zoom === this.#asked.zoom;
    if (still(wanted)) {
      if (!same) this.#order(now, wanted, { kind: "stop" });
    } else if (!same || now >= this.#askedAt + REPEAT_EVERY_MS) {
      this.#order(now, wanted, { kind: "move", motion: wanted });
    }
  }

  #order(now: number, motion: Motion, order: PtzOrder): void {
    this.#asked = motion;
    this.#askedAt = now;
    this.#onTheWay = true;
    this.#orders.push(order);
  }

  #motion(): Motion {
    const axis = (more: Direction, less: Direction): number => (this.#held.has(more) ? this.#speed : this.#held.has(less) ? -this.#speed : 0);
    return { pan: axis("right", "left"), tilt: axis("up", "down"), zoom: axis("in", "out") };
  }
}

function still({ pan, tilt, zoom }: Motion): boolean {
  return pan === 0 && tilt === 0 && zoom === 0;
}

function opposite(direction: Direction): Direction {
  const pairs = { left: "right", right: "left", up: "down", down: "up", in: "out", out: "in" } as const;
  return pairs[direction];
}

/** The direction of a key, if it has one. */
export function directionOf(key: string): Direction | undefined {
  const keys: Readonly<Record<string, Direction>> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", "+": "in", "=": "in", "-": "out", "_": "out" };
  return keys[key];
}
