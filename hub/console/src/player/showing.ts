import type { PlaySession } from "./session.ts";

/** How a tile shows its picture: the hub chooses the tier by it. */
export interface Showing {
  /** Device pixels. */
  readonly width: number;
  /** Device pixels. */
  readonly height: number;
  /** Whether it has the operator's attention; then it gets the largest picture. */
  readonly focus: boolean;
  /** How many times the picture is enlarged beyond the tile; 1 is not at all. */
  readonly zoom: number;
  /** Whether anybody sees or hears it; a session that nobody does costs its site's uplink nothing. */
  readonly visible: boolean;
}

/** A tile that is being drawn to another size is told once it stands still for this long, ms. */
const SETTLED_MS = 150;

/** Tells a session how its tile shows it, when that changed from what was told. One for each player. */
export class Teller {
  readonly #tell: (session: PlaySession, showing: Showing) => void;
  #now: Showing = { width: 0, height: 0, focus: false, zoom: 1, visible: true };
  #said: Showing | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (session: PlaySession, showing: Showing) => void) {
    this.#tell = tell;
  }

  /** A session is being asked for, for a tile as large as it is now. */
  asked(): void {
    this.#said = { ...this.#now, focus: false, zoom: 1, visible: true };
  }

  /** The tile shows its picture so from now on. */
  show(showing: Partial<Showing>): void {
    this.#now = { ...this.#now, ...showing };
    const { width, height } = this.#now;
    // The size was asked with before anybody told it here.
    if (this.#said?.width === 0) this.#said = { ...this.#said, width, height };
    this.#stop();
  }

  /** Sees to it that this session is told; without one, nobody is. */
  settle(session: PlaySession | undefined): void {
    if (session === undefined) {
      this.#stop();
    } else if (this.#timer === undefined && this.#differs()) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        if (!this.#differs()) return;
        this.#said = this.#now;
        this.#tell(session, this.#now);
      }, SETTLED_MS);
    }
  }

  #differs(): boolean {
    const [said, now] = [this.#said, this.#now];
    if (said === undefined) return false;
    return (Object.keys(now) as (keyof Showing)[]).some((key) => said[key] !== now[key]);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
