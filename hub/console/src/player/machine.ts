import { waitMs } from "./backoff.ts";
import type { After } from "./engine.ts";
import { Detours } from "./fallback.ts";
import type { PlayerInput, PlayerOutput, PlayerState } from "./machine_types.ts";
import type { PlaySession, Reason } from "./session.ts";

export type { PlayerInput, PlayerOutput, PlayerState };

/** A node that is there answers well within this, ICE and DTLS included. */
const CONNECT_LIMIT_MS = 8_000;
/** No frame for this long is a stall: several key-frame-less seconds never happen on a healthy feed. */
export const STALL_AFTER_MS = 2_000;
/** Pictures come, or the node speaks once a second on the data channel; two words missed and it is taken for gone. */
const LIFE_LIMIT_MS = 2_500;
/** How long a session without pictures is held before a new one is asked for, in case it is the session that is broken. */
const HOLD_MS = 30_000;
/** After hope was given, the held session gets this long to show a picture. */
const HOPE_MS = 3_000;
/** Only a picture that stood this long forgives the failed tries before it. */
const STABLE_MS = 5_000;

const STALLED: Reason = { code: "no-picture", text: "No picture arrives any more" };
/** Without another way these stay as they are however often one tries. */
const HOPELESS: ReadonlySet<string> = new Set(["decoder-missing", "codec-unsupported", "unsupported-codec"]);
const NEVER_CAME: Reason = { code: "connect-timeout", text: "The media node did not answer in time" };

/**
 * Decides what a player does next. Pure: instants come in, orders come out.
 *
 * ```text
 * idle → asking → connecting → awaiting → playing ⇄ stalled
 *           ↑        ↑ └───────────┴─────────┴─────────┤ transport gone, no sign of life
 *           │        └── the next protocol ←───────────┤ this one does not work here (`Detours`)
 *           └────────────── resting(backoff) ←─────────┘        refused ← asking (final answer)
 * ```
 */
export class PlayerMachine {
  #state: PlayerState = { kind: "idle" };
  #orders: PlayerOutput[] = [];
  #tickets = 0;
  readonly #detours = new Detours();
  #hidden = false;
  readonly #jitter: () => number;

  /** `jitter` answers a number in [0, 1) for every wait. */
  constructor(jitter: () => number) {
    this.#jitter = jitter;
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** The next order, or undefined when all are carried out. */
  poll(): PlayerOutput | undefined {
    return this.#orders.shift();
  }

  /** When `woke` must be handed in, ms, or undefined for never. */
  deadline(): number | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "connecting":
        return state.since + CONNECT_LIMIT_MS;
      case "awaiting":
      case "stalled":
        // Nobody misses the picture of a hidden page; that its node is there is seen all the same.
        return Math.min(state.lifeAt + LIFE_LIMIT_MS, this.#hidden ? Infinity : state.until);
      case "playing":
        return state.frameAt + STALL_AFTER_MS;
      case "resting":
        return state.retryAt;
      case "idle":
      case "asking":
      case "refused":
        return undefined;
    }
  }

  handle(now: number, input: PlayerInput): void {
    switch (input.kind) {
      case "play-wanted":
        if (this.#state.kind === "idle" || this.#state.kind === "refused") this.#begin(now);
        break;
      case "stop-wanted":
        this.#stop();
        break;
      case "wish-changed":
        if (this.#state.kind === "idle") break;
        this.#stop();
        this.#begin(now);
        break;
      case "hope-given":
        this.#hope(now);
        break;
      case "session-granted":
      case "session-refused":
      case "session-ended":
        this.#answered(now, input);
        break;
      case "session-revoked":
        this.#revoked(now, input.sessionId, input.reason);
        break;
      case "transport-up":
      case "transport-down":
        this.#transport(now, input);
        break;
      case "tier-changed":
        this.#retiered(input);
        break;
      case "hidden":
        this.#hidden = input.hidden;
        if (!input.hidden && (this.#state.kind === "stalled" || this.#state.kind === "awaiting")) this.#state = { ...this.#state, until: now + HOLD_MS };
        break;
      case "session-moved":
        this.#moved(input.session);
        break;
      case "frame-shown":
        this.#frame(now);
        break;
      case "life-seen":
        this.#life(now);
        break;
      case "woke":
        this.#woke(now);
        break;
    }
  }

  #begin(now: number): void {
    this.#detours.forget();
    this.#ask(now, 0);
  }

  #ask(now: number, attempt: number, renew?: PlaySession): void {
    this.#tickets += 1;
    const ticket = this.#tickets;
    this.#state = { kind: "asking", ticket, since: now, attempt, ...(renew && { renew }) };
    this.#orders.push(renew ? { kind: "renew-session", ticket, session: renew } : { kind: "ask-session", ticket });
  }

  #stop(): void {
    const session = held(this.#state);
    if (connected(this.#state)) this.#orders.push({ kind: "disconnect", quietly: false });
    // Once it is connected the session ends with its resource at the node; telling the hub as well would only race it.
    const ends = connected(this.#state) && this.#state.kind !== "connecting";
    if (session && !ends) this.#orders.push({ kind: "release-session", session });
    this.#state = { kind: "idle" };
  }

  #hope(now: number): void {
    const state = this.#state;
    if (state.kind === "resting") this.#ask(now, state.attempt, state.renew);
    else if (state.kind === "refused") this.#begin(now);
    else if (state.kind === "stalled" || state.kind === "awaiting") this.#state = { ...state, until: Math.min(state.until, now + HOPE_MS) };
  }

  #answered(now: number, input: Extract<PlayerInput, { ticket: number }>): void {
    const state = this.#state;
    if (state.kind !== "asking" || state.ticket !== input.ticket) {
      // Granted too late (stopped meanwhile): nobody will use it, so it must not keep a feed open.
      if (input.kind === "session-granted") this.#orders.push({ kind: "release-session", session: input.session });
      return;
    }
    switch (input.kind) {
      case "session-granted":
        this.#connect(now, this.#detours.route(input.session), state.attempt);
        break;
      case "session-refused":
        if (input.final) this.#state = { kind: "refused", since: now, reason: input.reason };
        else this.#rest(now, input.reason, state.attempt, state.renew);
        break;
      case "session-ended":
        this.#ask(now, state.attempt);
        break;
    }
  }

  #connect(now: number, session: PlaySession, attempt: number): void {
    this.#state = { kind: "connecting", session, since: now, attempt };
    this.#orders.push({ kind: "connect", session });
  }

  #revoked(now: number, sessionId: string, reason: Reason): void {
    const state = this.#state;
    if (held(state)?.id !== sessionId) return;
    if (connected(state)) this.#orders.push({ kind: "disconnect", quietly: false });
    this.#state = { kind: "refused", since: now, reason };
  }

  #retiered({ sessionId, tier, why }: Extract<PlayerInput, { kind: "tier-changed" }>): void {
    const state = this.#state;
    const session = held(state);
    if (session?.id !== sessionId) return;
    // A node moves whoever plays by WebRTC; by HLS the player goes itself, and is there when it has moved.
    const goes = connected(state) && session.protocol !== "webrtc" && tier !== session.tier;
    if (goes) this.#orders.push({ kind: "move-session", session });
    const told = why.length > 0 ? [...session.why.filter(({ code }) => !code.startsWith("tier-")), ...why] : session.why;
    const next: PlaySession = { ...session, tier: goes ? session.tier : tier, why: told };
    if (connected(state)) this.#state = { ...state, session: next };
    else if (state.kind === "asking" || state.kind === "resting") this.#state = { ...state, renew: next };
  }

  #moved(session: PlaySession): void {
    const state = this.#state;
    if (!connected(state) || state.session.id !== session.id) return;
    this.#state = { ...state, session: { ...session, why: state.session.why } };
  }

  #transport(now: number, input: Extract<PlayerInput, { kind: "transport-up" | "transport-down" }>): void {
    const state = this.#state;
    if (!connected(state)) return;
    if (input.kind === "transport-up") {
      if (state.kind !== "connecting") return;
      const { session, attempt } = state;
      this.#state = { kind: "awaiting", session, since: now, lifeAt: now, attempt, until: now + HOLD_MS };
    } else {
      this.#down(now, state, input.reason, input.after);
    }
  }

  #down(now: number, state: Connected, reason: Reason, after: After): void {
    const unsteady = this.#detours.lost(now, state.session, reason);
    if (after === "elsewhere" || unsteady) this.#elsewhere(now, state, unsteady ?? reason);
    else if (after === "again") this.#again(now, reason);
    else this.#refuse(now, reason);
  }

  /** The same session by another protocol, at once while its tokens are fresh. Without one, the reason decides. */
  #elsewhere(now: number, state: Connected, reason: Reason): void {
    const next = this.#detours.leave(state.session, reason);
    if (next === undefined) {
      if (HOPELESS.has(reason.code)) this.#refuse(now, reason);
      else this.#again(now, reason);
    } else if (now < next.freshUntil) {
      this.#orders.push({ kind: "disconnect", quietly: true });
      this.#connect(now, next, state.attempt);
    } else {
      this.#orders.push({ kind: "disconnect", quietly: true });
      this.#ask(now, state.attempt, state.session);
    }
  }

  #refuse(now: number, reason: Reason): void {
    this.#orders.push({ kind: "disconnect", quietly: false });
    this.#state = { kind: "refused", since: now, reason };
  }

  #frame(now: number): void {
    const state = this.#state;
    if (!connected(state)) return;
    if (state.kind === "playing") {
      const attempt = now - state.since >= STABLE_MS ? 0 : state.attempt;
      this.#state = { ...state, frameAt: now, lifeAt: now, attempt };
    } else {
      const { session, attempt } = state;
      this.#state = { kind: "playing", session, since: now, frameAt: now, lifeAt: now, attempt };
    }
  }

  #life(now: number): void {
    const state = this.#state;
    if (state.kind === "playing" || state.kind === "stalled" || state.kind === "awaiting") this.#state = { ...state, lifeAt: now };
  }

  #woke(now: number): void {
    const state = this.#state;
    const due = this.deadline();
    if (due === undefined || now < due) return;
    switch (state.kind) {
      case "connecting":
        this.#again(now, NEVER_CAME);
        break;
      case "playing":
        if (now - state.lifeAt < LIFE_LIMIT_MS) {
          const { session, frameAt, lifeAt, attempt } = state;
          this.#state = { kind: "stalled", session, since: frameAt, lifeAt, attempt, until: now + HOLD_MS };
        } else {
          this.#again(now, STALLED);
        }
        break;
      case "awaiting":
      case "stalled":
        this.#again(now, STALLED);
        break;
      case "resting":
        this.#ask(now, state.attempt, state.renew);
        break;
      case "idle":
      case "asking":
      case "refused":
        break;
    }
  }

  /** The connection is of no use any more: drop it, keep the session for renewal, try again soon. */
  #again(now: number, reason: Reason): void {
    const state = this.#state;
    if (!connected(state)) return;
    this.#orders.push({ kind: "disconnect", quietly: false });
    this.#rest(now, reason, state.attempt, state.session);
  }

  #rest(now: number, reason: Reason, attempt: number, renew?: PlaySession): void {
    const retryAt = now + waitMs(attempt, this.#jitter());
    this.#state = { kind: "resting", since: now, retryAt, reason, attempt: attempt + 1, ...(renew && { renew }) };
  }
}

type Connected = Extract<PlayerState, { kind: "connecting" | "awaiting" | "playing" | "stalled" }>;

function connected(state: PlayerState): state is Connected {
  return state.kind === "connecting" || state.kind === "awaiting" || state.kind === "playing" || state.kind === "stalled";
}

/** The session a state holds on to, or would like to renew. */
export function held(state: PlayerState): PlaySession | undefined {
  if (connected(state)) return state.session;
  return state.kind === "asking" || state.kind === "resting" ? state.renew : undefined;
}
