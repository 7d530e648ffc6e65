import type { PlaySession, Reason } from "./session.ts";

/** So many losses within this time, ms, and a protocol is given up for another. */
const LOSSES = 3;
const LOSS_WINDOW_MS = 60_000;
/** Ends of a connection that are the connection's fault: the hub's and the camera's own troubles are not. */
const UNSTEADY: ReadonlySet<string> = new Set(["transport-closed", "media-unreachable", "decode-failed"]);

/** Why a protocol was given up that works, but not for long. */
const LOST_AGAIN: Reason = { code: "connection-unsteady", text: "The connection was lost again and again" };

/**
 * Which protocols a player has given up, and why: WebRTC before LL-HLS before HLS. Pure.
 * It forgets when the viewer stops, wishes something else, or when nothing is left to try.
 */
export class Detours {
  #left = new Map<string, Reason>();
  #losses: number[] = [];

  /** Everything may be tried again. */
  forget(): void {
    this.#left.clear();
    this.#losses = [];
  }

  /** The connection of `session` broke for `reason`: whether its protocol is to be given up, and in which words. */
  lost(now: number, session: PlaySession, reason: Reason): Reason | undefined {
    if (!UNSTEADY.has(reason.code) || session.fallbacks.length === 0) return undefined;
    this.#losses = [...this.#losses.filter((at) => now - at < LOSS_WINDOW_MS), now];
    return this.#losses.length >= LOSSES ? LOST_AGAIN : undefined;
  }

  /** Gives up the protocol of `session`: the same session another way, or undefined where there is none. */
  leave(session: PlaySession, reason: Reason): PlaySession | undefined {
    this.#left.set(session.protocol, reason);
    this.#losses = [];
    const next = this.#way(session);
    if (next === undefined) this.forget();
    return next;
  }

  /** A fresh session, by the first protocol that was not given up. */
  route(session: PlaySession): PlaySession {
    return this.#left.has(session.protocol) ? (this.#way(session) ?? session) : session;
  }

  #way(session: PlaySession): PlaySession | undefined {
    const at = session.fallbacks.findIndex(({ protocol }) => !this.#left.has(protocol));
    const next = session.fallbacks[at];
    const reason = [...this.#left.values()][0];
    return next && reason && { ...session, ...next, fallbacks: session.fallbacks.slice(at + 1), detour: reason };
  }
}
