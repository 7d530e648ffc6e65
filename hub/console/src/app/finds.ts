import type { Api } from "../api/client.ts";
import type { Discoveries, Discovery, Problem } from "../api/types.ts";
import { Signal, type Readable } from "../player/signal.ts";

/** Parts of the list read at most. */
const MOST_PAGES = 50;

/** What the sites' devices found, as last told. */
export interface Findings {
  readonly items: readonly Discovery[];
  readonly searching: boolean;
}

/** The cameras that were found and may be accepted. Only `refresh` writes it. */
export class Finds {
  readonly #api: Api;
  readonly #seen = new Signal<Findings | undefined>(undefined);
  readonly #problem = new Signal<Problem | undefined>(undefined);
  #refreshing: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #watchers = 0;

  /** Reads nothing for who may not accept cameras. */
  constructor(api: Api, allowed: boolean) {
    this.#api = api;
    this.#closed = !allowed;
  }

  /** Undefined until first read. */
  get seen(): Readable<Findings | undefined> {
    return this.#seen;
  }

  get problem(): Readable<Problem | undefined> {
    return this.#problem;
  }

  /** How soon news should be read, ms: the list is long, and away from its page only its length is shown. */
  get patienceMs(): number {
    return this.#watchers > 0 ? 400 : 5_000;
  }

  /** Says that somebody looks at the list, until the answer is called. */
  watch(): () => void {
    this.#watchers += 1;
    void this.refresh();
    return () => { this.#watchers -= 1; };
  }

  /** Reads everything again. Who asks during a reading gets one that begins later; all who ask share it. */
  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#refreshing) {
      this.#again = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#readUntilQuiet().finally(() => { this.#refreshing = undefined; });
    return this.#refreshing;
  }

  async #readUntilQuiet(): Promise<void> {
    for (;;) {
      this.#again = false;
      await this.#read();
      // Somebody may have asked meanwhile, which the compiler cannot see.
      if (!(this.#again as boolean)) return;
    }
  }

  async #read(): Promise<void> {
    const items: Discovery[] = [];
    let [searching, cursor]: [boolean, string | null] = [false, null];
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const path: string = cursor === null ? "/discoveries" : `/discoveries?cursor=${encodeURIComponent(cursor)}`;
      const answer = await this.#api.get<Discoveries>(path);
      if (!answer.ok) {
        // Whoever may not see them is not asked for again; a hub that is away is.
        if (answer.problem.status === 403 || answer.problem.status === 404) this.#closed = true;
        this.#problem.set(answer.problem);
        return;
      }
      items.push(...answer.value.items);
      searching ||= answer.value.searching;
      cursor = answer.value.next ?? null;
      if (cursor === null) break;
    }
    this.#problem.set(undefined);
    this.#seen.set({ items, searching });
  }
}
