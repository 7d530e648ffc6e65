/** A value that others may watch. */
export interface Readable<T> {
  /** The value now. */
  get(): T;
  /** Calls `watcher` at once and after every change; the answer ends it. */
  subscribe(watcher: (value: T) => void): () => void;
}

/** A value that its owner sets and others watch. Setting an identical value tells nobody. */
export class Signal<T> implements Readable<T> {
  #value: T;
  readonly #watchers = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  subscribe(watcher: (value: T) => void): () => void {
    this.#watchers.add(watcher);
    watcher(this.#value);
    return () => {
      this.#watchers.delete(watcher);
    };
  }
}
