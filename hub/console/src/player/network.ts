/** How far UDP goes from this browser, as far as is known. */
export type Udp = "open" | "blocked" | "unknown";

/** A network that blocks WebRTC is believed to go on doing so for this long, ms; then one play tries again. */
export const BLOCKED_FOR_MS = 10 * 60_000;
/** While some tile got through within this, ms, one that did not is no proof of anything. */
const PROVEN_FOR_MS = 120_000;

/**
 * What the tiles of a wall have learnt of their common network, so that the second need not find out what the first
 * did. Pure: instants come in, by one clock of the owner's choice.
 */
export class NetworkMemory {
  #openAt = -Infinity;
  #blockedUntil = -Infinity;
  readonly #watchers = new Set<() => void>();
  /** Called with the new end of the block, so that a later visit knows it; -Infinity for none. */
  onBlocked: (until: number) => void = () => undefined;

  /** What is known at `now`. */
  udp(now: number): Udp {
    if (now < this.#blockedUntil) return "blocked";
    return Number.isFinite(this.#openAt) ? "open" : "unknown";
  }

  /** WebRTC got through. */
  reached(now: number): void {
    this.#openAt = now;
    this.#block(-Infinity);
  }

  /** WebRTC did not get through, neither by UDP nor by TCP. */
  blocked(now: number): void {
    if (now - this.#openAt < PROVEN_FOR_MS || now < this.#blockedUntil) return;
    this.#openAt = -Infinity;
    this.#block(now + BLOCKED_FOR_MS);
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Takes what an earlier visit learnt. */
  recall(until: number, now: number): void {
    if (until > now && until <= now + BLOCKED_FOR_MS) this.#blockedUntil = until;
  }

  /** Another network, another answer. */
  forget(): void {
    this.#openAt = -Infinity;
    this.#block(-Infinity);
  }

  /** Calls `watcher` when the network is found to block; the answer ends it. */
  whenBlocked(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => { this.#watchers.delete(watcher); };
  }

  #block(until: number): void {
    if (until === this.#blockedUntil) return;
    this.#blockedUntil = until;
    this.onBlocked(until);
  }
}

/** HTTP's version by the name that ALPN has for it (RFC 7301, as `nextHopProtocol` tells it). */
export function httpVersion(nextHop: string | undefined): "h1" | "h2" | "h3" | "unknown" {
  if (nextHop === "h3" || nextHop?.startsWith("h3-") === true) return "h3";
  if (nextHop === "h2") return "h2";
  return nextHop?.startsWith("http/1") === true ? "h1" : "unknown";
}

/** The HTTP version by which this page speaks with `origin`, by what it fetched from there last. */
export function httpTo(origin: string): ReturnType<typeof httpVersion> {
  const fetched = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")] as PerformanceResourceTiming[];
  for (let at = fetched.length - 1; at >= 0; at -= 1) {
    const entry = fetched[at];
    if (entry === undefined || !entry.name.startsWith(`${origin}/`)) continue;
    // Another origin's answer tells nothing unless it allows so.
    const version = httpVersion(entry.nextHopProtocol);
    if (version !== "unknown") return version;
  }
  return "unknown";
}
