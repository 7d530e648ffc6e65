/** What one browser remembers between visits. A full or forbidden storage costs the memory, nothing else. */

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
