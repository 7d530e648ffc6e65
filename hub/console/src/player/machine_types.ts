import type { After } from "./engine.ts";
import type { PlaySession, Reason } from "./session.ts";

/** Where a player stands. Instants are ms by the page's monotonic clock. */
export type PlayerState =
  | { readonly kind: "idle" }
  /** The hub was asked for a session (`renew`: the old one is asked to live on). */
  | { readonly kind: "asking"; readonly ticket: number; readonly since: number; readonly attempt: number; readonly renew?: PlaySession }
  | { readonly kind: "connecting"; readonly session: PlaySession; readonly since: number; readonly attempt: number }
  /** Connected, and not one picture yet. */
  | { readonly kind: "awaiting"; readonly session: PlaySession; readonly since: number; readonly lifeAt: number; readonly attempt: number; readonly until: number }
  | { readonly kind: "playing"; readonly session: PlaySession; readonly since: number; readonly frameAt: number; readonly lifeAt: number; readonly attempt: number }
  /** Pictures stopped, but the node at the other end is there: the session stays. */
  | { readonly kind: "stalled"; readonly session: PlaySession; readonly since: number; readonly lifeAt: number; readonly attempt: number; readonly until: number }
  /** Tries again by itself at `retryAt`. */
  | { readonly kind: "resting"; readonly retryAt: number; readonly since: number; readonly reason: Reason; readonly attempt: number; readonly renew?: PlaySession }
  /** Trying again would not help until something changes. */
  | { readonly kind: "refused"; readonly since: number; readonly reason: Reason };

/** What happened. `ticket` ties an answer to its question; late answers to old questions are ignored. */
export type PlayerInput =
  | { readonly kind: "play-wanted" }
  | { readonly kind: "stop-wanted" }
  /** Another protocol is wished, or sound that this session cannot carry: a new session is needed. */
  | { readonly kind: "wish-changed" }
  /** Something that stood in the way may be gone (the camera or the hub is back). */
  | { readonly kind: "hope-given" }
  | { readonly kind: "session-granted"; readonly ticket: number; readonly session: PlaySession }
  | { readonly kind: "session-refused"; readonly ticket: number; readonly reason: Reason; readonly final: boolean }
  | { readonly kind: "session-ended"; readonly ticket: number }
  /** Somebody with the right to it ended this session: no new one is asked for. */
  | { readonly kind: "session-revoked"; readonly sessionId: string; readonly reason: Reason }
  | { readonly kind: "transport-up" }
  | { readonly kind: "transport-down"; readonly reason: Reason; readonly after: After }
  /** The hub shows this session in another tier, or says anew why in this one. */
  | { readonly kind: "tier-changed"; readonly sessionId: string; readonly tier: string; readonly why: readonly Reason[] }
  /** Nobody sees the picture any more, so none comes after a while; or somebody does again. */
  | { readonly kind: "hidden"; readonly hidden: boolean }
  /** The session goes on at another address: `move-session` is done. */
  | { readonly kind: "session-moved"; readonly session: PlaySession }
  | { readonly kind: "frame-shown" }
  | { readonly kind: "life-seen" }
  | { readonly kind: "woke" };

/** What the shell must do. */
export type PlayerOutput =
  | { readonly kind: "ask-session"; readonly ticket: number }
  | { readonly kind: "renew-session"; readonly ticket: number; readonly session: PlaySession }
  | { readonly kind: "connect"; readonly session: PlaySession }
  /** The session is to go on in another tier, for which it has another address: without a gap. */
  | { readonly kind: "move-session"; readonly session: PlaySession }
  /** `quietly`: the session goes on another way, so the node must not be told of an end. */
  | { readonly kind: "disconnect"; readonly quietly: boolean }
  | { readonly kind: "release-session"; readonly session: PlaySession };
