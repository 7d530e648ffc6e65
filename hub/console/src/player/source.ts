import type { PlayerInput } from "./machine_types.ts";
import type { PlaySession, Reason } from "./session.ts";
import type { Showing } from "./showing.ts";

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

/** A protocol that a viewer may insist on; `auto` leaves it to the hub and to what gets through. */
export type ProtocolWish = "auto" | "webrtc" | "ll-hls" | "hls";

/** How a session is wanted. */
export interface Need {
  readonly protocol: ProtocolWish;
  /** Whether the camera is to be heard. */
  readonly audio: boolean;
}

/** Where a player gets its sessions from. `HubSessions` is the usual one. */
export interface PlaySource {
  open(need: Need): Promise<Grant>;
  renew(session: PlaySession, need: Need): Promise<Grant>;
  /** Takes what a session's viewer measured. */
  measured(session: PlaySession, measure: Measure): void;
  /** A session's tile shows its picture so from now on: its tier may follow. */
  shown?(session: PlaySession, showing: Showing): void;
  /** The session is not needed any more. Must work while the page is being left. */
  release(session: PlaySession): void;
  /** WebRTC got through to the node, or it did not although HTTP does. */
  learned?(webrtc: "reached" | "blocked"): void;
  /** Calls `watcher` when the network is found to block WebRTC, by whichever player; the answer ends it. */
  whenBlocked?(watcher: () => void): () => void;
}

/** What an answer to the question of this ticket means to a player. */
export function toInput(ticket: number, grant: Grant): PlayerInput {
  switch (grant.kind) {
    case "granted":
      return { kind: "session-granted", ticket, session: grant.session };
    case "refused":
      return { kind: "session-refused", ticket, reason: grant.reason, final: grant.final };
    case "ended":
      return { kind: "session-ended", ticket };
  }
}
