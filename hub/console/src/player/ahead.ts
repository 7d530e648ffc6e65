import type HlsType from "hls.js";
import type { HlsConfig, LevelDetails, LoaderCallbacks, LoaderConfiguration, LoaderContext } from "hls.js";

/** A start needs at most so many parts: those of two groups of pictures of 5 s. */
const MOST = 50;
/** The media type of a start in one answer, as the node's front writes it. */
const BUNDLE = "application/vnd.sluice.hls-start";
/** A bundle that does not begin within this is given up, ms: the node holds a question back for 9.5 s. */
const FIRST_BYTE_MS = 10_000;
/** An answer of which nothing comes for this long is given up, ms; what it lacks is asked for anew. */
const SILENCE_MS = 4_000;
/** What nobody took of a bundle this long after its end is dropped, ms. */
const KEPT_MS = 10_000;

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
 * Fetches a start together. hls.js asks for two playlists, an initialisation section and twenty parts one after the
 * other: over a round trip of 50 ms a group of pictures of 4 s would take a second. The node gives all of it in the answer
 * to the first question; where a cache or another server in between does not, the parts are asked for at once.
 */
export class Ahead {
  readonly #coming = new Map<string, Promise<ArrayBuffer>>();
  /** What hls.js asked for before the first playlist was heard of here. */
  readonly #asked = new Set<string>();
  #quit = new AbortController();
  #begun = false;
  /** A source that is asked for already. */
  #source: { readonly url: string; readonly coming: Promise<ArrayBuffer> } | undefined;

  /** Asks for a source before hls.js does. */
  begin(url: string): void {
    const coming = this.#open(url);
    // hls.js hears of its failure.
    coming.catch(() => undefined);
    this.#source = { url, coming };
  }

  /** A playlist came; the first one of a source says what the start needs beside what is coming. */
  playlist({ partList, edge, partHoldBack }: Pick<LevelDetails, "partList" | "edge" | "partHoldBack">): void {
    if (this.#begun || partList === null || partList.length === 0) return;
    this.#begun = true;
    const wanted = needed(partList, edge - partHoldBack).filter((url) => !this.#asked.has(url) && !this.#coming.has(url));
    this.#asked.clear();
    for (const url of wanted) this.#expect(url, whole(url));
  }

  /** The loader for hls.js: what was fetched is handed over, the rest is asked for as ever. */
  loader(Hls: typeof HlsType): HlsConfig["loader"] {
    const find = (context: LoaderContext): Promise<ArrayBuffer> | undefined => this.#find(context);
    return class extends Hls.DefaultConfig.loader {
      #over = false;

      override load(context: LoaderContext, config: LoaderConfiguration, callbacks: LoaderCallbacks<LoaderContext>): void {
        const ask = (): void => { super.load(context, config, callbacks); };
        const coming = find(context);
        if (coming === undefined) {
          ask();
          return;
        }
        // As its own way sets them: whoever aborts it is told so.
        Object.assign(this, { context, config, callbacks });
        const start = performance.now();
        coming.then((bytes) => {
          if (this.#over) return;
          const now = performance.now();
          Object.assign(this.stats.loading, { start, first: now, end: now });
          Object.assign(this.stats, { loaded: bytes.byteLength, total: bytes.byteLength });
          const data = context.responseType === "arraybuffer" ? bytes : new TextDecoder().decode(bytes);
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
    };
  }

  /** Nothing of it is wanted any more. */
  stop(): void {
    this.#quit.abort();
    this.#coming.clear();
  }

  #find(context: LoaderContext): Promise<ArrayBuffer> | undefined {
    const { url } = context;
    if ((context as { readonly type?: string }).type === "manifest") {
      const source = this.#source;
      this.#source = undefined;
      return source?.url === url ? source.coming : this.#open(url);
    }
    if (!this.#begun) this.#asked.add(url);
    const coming = this.#coming.get(url);
    this.#coming.delete(url);
    return coming;
  }

  /** Asks for a source's start in one answer; the multivariant playlist, which is its beginning. */
  async #open(url: string): Promise<ArrayBuffer> {
    this.stop();
    this.#begun = false;
    const quit = new AbortController();
    this.#quit = quit;
    const late = setTimeout(() => { quit.abort(); }, FIRST_BYTE_MS);
    const asked = fetch(url, { credentials: "omit", headers: { accept: BUNDLE }, signal: quit.signal });
    const answer = await asked.finally(() => { clearTimeout(late); });
    if (!answer.ok || answer.body === null) throw new Error(`${answer.status}`);
    if (answer.headers.get("content-type")?.split(";")[0] !== BUNDLE) return answer.arrayBuffer();
    const reader = new Reader(answer.body, quit);
    const contents = await table(reader);
    quit.signal.throwIfAborted();
    let last: Promise<unknown> = Promise.resolve();
    const [index, ...rest] = contents.map(([length, address]) => {
      const piece = last.then(() => reader.take(length));
      last = piece;
      return [address, piece] as const;
    });
    if (index === undefined) throw new Error("the answer is empty");
    for (const [address, piece] of rest) this.#expect(new URL(address, url).href, piece);
    return index[1];
  }

  #expect(url: string, coming: Promise<ArrayBuffer>): void {
    this.#coming.set(url, coming);
    const drop = (): void => { if (this.#coming.get(url) === coming) this.#coming.delete(url); };
    // Whoever wants it hears of its failure.
    coming.then(() => { setTimeout(drop, KEPT_MS); }, drop);
  }
}

/** What a bundle has, in its order: bytes and address of each. */
async function table(reader: Reader): Promise<(readonly [length: number, address: string])[]> {
  const contents: (readonly [number, string])[] = [];
  for (;;) {
    const line = await reader.line();
    if (line === "") return contents;
    const [length = "", address = ""] = line.split(" ");
    contents.push([Number(length), address]);
  }
}

/** Reads a stream in pieces of its own sizes. Rejects where it ends early or falls silent. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #quit: AbortController;
  #rest = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>, quit: AbortController) {
    this.#reader = stream.getReader();
    this.#quit = quit;
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(NEWLINE);
      if (end >= 0) {
        const text = new TextDecoder().decode(this.#rest.subarray(0, end));
        this.#rest = this.#rest.subarray(end + 1);
        return text;
      }
      const more = await this.#more();
      const joined = new Uint8Array(this.#rest.length + more.length);
      joined.set(this.#rest);
      joined.set(more, this.#rest.length);
      this.#rest = joined;
    }
  }

  async take(length: number): Promise<ArrayBuffer> {
    const piece = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.#rest.length === 0) this.#rest = await this.#more();
      const some = this.#rest.subarray(0, length - filled);
      piece.set(some, filled);
      filled += some.length;
      this.#rest = this.#rest.subarray(some.length);
    }
    return piece.buffer;
  }

  async #more(): Promise<Uint8Array<ArrayBuffer>> {
    const silent = setTimeout(() => { this.#quit.abort(); }, SILENCE_MS);
    const { value } = await this.#reader.read().finally(() => { clearTimeout(silent); });
    if (value === undefined) throw new Error("the answer was cut off");
    return value as Uint8Array<ArrayBuffer>;
  }
}

const NEWLINE = 10;

async function whole(url: string): Promise<ArrayBuffer> {
  const answer = await fetch(url, { credentials: "omit", signal: AbortSignal.timeout(FIRST_BYTE_MS) });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.arrayBuffer();
}
