import type { Picture, Result } from "../api/client.ts";

/** A picture of a camera that is not playing, as something an element can show. */
export interface Poster {
  readonly url: string;
  /** A film of one picture, where the edge has no JPEG. */
  readonly film: boolean;
  /** When it was taken, unix ms. */
  readonly capturedAt: number | undefined;
}

/** A wall of 16 asks for few at once: each is an order to the site, and shares its uplink. */
const AT_ONCE = 3;
/** Pictures kept; each is at most 512 KiB. The one kept longest goes first. */
const KEPT = 40;
/** A picture is asked for anew after this, ms: the hub keeps it no longer either. */
const FRESH_MS = 5 * 60_000;
/** A camera without a picture is asked again after this, ms. */
const AGAIN_MS = 60_000;

interface Kept {
  readonly poster: Poster | undefined;
  readonly until: number;
}

/** Fetches and keeps pictures of cameras that are not playing. Whoever asks shows them: nothing is fetched in advance. */
export class Posters {
  readonly #fetch: (path: string) => Promise<Result<Picture>>;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #pending = new Map<string, Promise<Poster | undefined>>();
  readonly #queue: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(fetch: (path: string) => Promise<Result<Picture>>, now: () => number = () => performance.now()) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /** The newest picture, from memory while it is fresh. `wanted` is asked when its turn comes: a tile may have gone by then. */
  get(cameraId: string, wanted: () => boolean): Promise<Poster | undefined> {
    const kept = this.#kept.get(cameraId);
    if (kept && kept.until > this.#now()) return Promise.resolve(kept.poster);
    const pending = this.#pending.get(cameraId);
    if (pending) return pending;
    const asked = this.#turn()
      .then(() => (this.#closed || !wanted() ? kept?.poster : this.#read(cameraId)))
      .finally(() => {
        this.#pending.delete(cameraId);
        this.#running -= 1;
        this.#queue.shift()?.();
      });
    this.#pending.set(cameraId, asked);
    return asked;
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#kept.keys()]) this.#forget(id);
  }

  /** Resolves when one more may be asked for. */
  #turn(): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#queue.push(() => {
        this.#running += 1;
        resolve();
      });
    });
  }

  async #read(cameraId: string): Promise<Poster | undefined> {
    const answer = await this.#fetch(`/cameras/${cameraId}/poster`);
    if (this.#closed) return undefined;
    const now = this.#now();
    const poster = answer.ok ? { url: URL.createObjectURL(answer.value.data), film: answer.value.data.type.startsWith("video/"), capturedAt: answer.value.capturedAt } : undefined;
    this.#forget(cameraId);
    this.#kept.set(cameraId, { poster, until: now + (poster ? FRESH_MS : AGAIN_MS) });
    if (this.#kept.size > KEPT) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#forget(oldest);
    }
    return poster;
  }

  #forget(cameraId: string): void {
    const kept = this.#kept.get(cameraId);
    this.#kept.delete(cameraId);
    if (kept?.poster) URL.revokeObjectURL(kept.poster.url);
  }
}
