import type { Camera } from "../api/types.ts";

/** Which streams of a camera are pulled while nobody watches. */
export const WARM = ["sub", "main", "all", "none"] as const;
export type Warm = (typeof WARM)[number];

/** What keeping a camera ready costs: bits on the site's network, and memory of its edge. Nothing crosses to the hub. */
export interface WarmCost {
  readonly kbps: number;
  readonly megabytes: number;
}

type Tiers = Pick<Camera, "tiers">["tiers"];

/** The cost of a policy, from what the streams were measured at; undefined where one of them is not known yet. */
export function warmCost(tiers: Tiers, warm: Warm): WarmCost | undefined {
  const kept = tiersKept(tiers, warm);
  let [kbps, megabytes] = [0, 0];
  for (const tier of kept) {
    if (!tier.bitrate_kbps || !tier.gop_s) return undefined;
    kbps += tier.bitrate_kbps;
    // The pictures since the last key frame are in memory, and those before it until the next has come.
    megabytes += (tier.bitrate_kbps * tier.gop_s) / 8_000;
  }
  return { kbps, megabytes };
}

/** The same choice that the edge makes: the sub tier, or the only one there is. */
function tiersKept(tiers: Tiers, warm: Warm): Tiers {
  if (warm === "none") return [];
  if (warm === "all") return tiers;
  const named = tiers.filter(({ tier }) => tier === warm);
  return named.length > 0 ? named : tiers.slice(-1);
}
