import type { PlaySession, Reason } from "./machine.ts";

/** The hub's answer to a wish to play. */
export type Grant =
  | { readonly kind: "granted"; readonly session: PlaySession }
  | { readonly kind: "refused"; readonly reason: Reason; readonly final: boolean }
  /** Renewal only: the session is over, a new one may be asked for. */
  | { readonly kind: "ended" };

/** What a viewer measured of one start. */
export interface Measure {
  /** From the wish to play (or to play again) to the first picture, ms. */
  readonly startupMs: number;
  /** Age of the picture once it was known, ms. */
  readonly latencyMs: number;
}

/** Where a player gets its sessions from. `HubSessions` is the usual one. */
export interface PlaySource {
  open(): Promise<Grant>;
  renew(session: PlaySession): Promise<Grant>;
  /** Takes what a session's viewer measured. */
  measured(session: PlaySession, measure: Measure): void;
  /** The session is not needed any more. Must work while the page is being left. */
  release(session: PlaySession): void;
}
