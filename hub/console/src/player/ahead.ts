import type HlsType from "hls.js";
import type { HlsConfig, LevelDetails, LoaderCallbacks, LoaderConfiguration, LoaderContext } from "hls.js";

/** A start needs at most so many parts: those of two groups of pictures of 5 s. */
const MOST = 50;

interface Piece {
  readonly url: string;
  readonly start: number;
  readonly independent: boolean;
  readonly gap: boolean;
}

/** The parts that a player needs to begin at `target` (seconds): from the last key frame before it to the end. */
export function needed(parts: readonly Piece[], target: number): string[] {
  const before = parts.findLastIndex(({ start, independent, gap }) => independent && !gap && start <= target);
  const from = before >= 0 ? before : parts.findIndex(({ independent, gap }) => independent && !gap);
  return from < 0 ? [] : parts.slice(from).filter(({ gap }) => !gap).slice(-MOST).map(({ url }) => url);
}

/**
 * Fetches the parts of a start together. hls.js asks for one after the other: over a round trip of 50 ms a group of
 * pictures of 4 s would take a second.
 */
export class Ahead {
  readonly #coming = new Map<string, Promise<ArrayBuffer>>();
  /** What hls.js asked for before the first playlist was heard of here. */
  readonly #asked = new Set<string>();
  #begun = false;

  /** A playlist came; the first one says what the start needs. */
  playlist({ partList, edge, partHoldBack }: Pick<LevelDetails, "partList" | "edge" | "partHoldBack">): void {
    if (this.#begun || partList === null || partList.length === 0) return;
    this.#begun = true;
    const wanted = needed(partList, edge - partHoldBack).filter((url) => !this.#asked.has(url));
    this.#asked.clear();
    for (const url of wanted) {
      const coming = whole(url);
      // Whoever wants it hears of its failure.
      coming.catch(() => undefined);
      this.#coming.set(url, coming);
    }
  }

  /** The loader of media for hls.js: what was fetched is handed over, the rest is asked for as ever. */
  loader(Hls: typeof HlsType): HlsConfig["fLoader"] {
    const take = (url: string): Promise<ArrayBuffer> | undefined => this.#take(url);
    return class extends Hls.DefaultConfig.loader {
      #over = false;

      override load(context: LoaderContext, config: LoaderConfiguration, callbacks: LoaderCallbacks<LoaderContext>): void {
        const ask = (): void => { super.load(context, config, callbacks); };
        const coming = take(context.url);
        if (coming === undefined) {
          ask();
          return;
        }
        const start = performance.now();
        coming.then((data) => {
          if (this.#over) return;
          const now = performance.now();
          Object.assign(this.stats.loading, { start, first: now, end: now });
          Object.assign(this.stats, { loaded: data.byteLength, total: data.byteLength });
          callbacks.onSuccess({ url: context.url, data, code: 200 }, this.stats, context, null);
        }, () => {
          if (!this.#over) ask();
        });
      }

      override abort(): void {
        this.#over = true;
        super.abort();
      }

      override destroy(): void {
        this.#over = true;
        super.destroy();
      }
    } as unknown as HlsConfig["fLoader"];
  }

  #take(url: string): Promise<ArrayBuffer> | undefined {
    if (!this.#begun) this.#asked.add(url);
    const coming = this.#coming.get(url);
    if (coming === undefined) return undefined;
    // Playback goes forward: what lies before is not wanted any more.
    for (const earlier of this.#coming.keys()) {
      this.#coming.delete(earlier);
      if (earlier === url) break;
    }
    return coming;
  }
}

async function whole(url: string): Promise<ArrayBuffer> {
  const answer = await fetch(url, { credentials: "omit" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.arrayBuffer();
}
