/** What one browser remembers between visits. A full or forbidden storage costs the memory, nothing else. */

import type { NetworkMemory } from "../player/network.ts";

export type Layout = 1 | 4 | 9 | 16;
export const LAYOUTS: readonly Layout[] = [1, 4, 9, 16];

const PREFIX = "sluice.";

export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Private windows and full disks refuse; the next visit starts with the defaults.
  }
}

/** The layout remembered, or four tiles. */
export function recallLayout(): Layout {
  const stored = Number(recall("layout"));
  return LAYOUTS.find((layout) => layout === stored) ?? 4;
}

/** The volume remembered, 0 to 1. */
export function recallVolume(): number {
  const stored = Number(recall("volume") ?? NaN);
  return stored >= 0 && stored <= 1 ? stored : 0.7;
}

/** What was learnt of the network outlives a reload of the page: it is kept with the wall clock, and used with the other. */
export function keepNetwork(network: NetworkMemory): void {
  const [now, wall] = [performance.now(), Date.now()];
  network.recall(Number(recall("webrtc-blocked-until") ?? NaN) - wall + now, now);
  network.onBlocked = (until) => { remember("webrtc-blocked-until", Number.isFinite(until) ? String(Math.round(until - performance.now() + Date.now())) : "0"); };
  // The browser says so when it changes networks.
  window.addEventListener("online", () => { network.forget(); });
}
