import type { ServerClock } from "./clock.ts";
import { audible, mediaSource } from "./codecs.ts";
import type { Connection, EngineEvents, Line } from "./engine.ts";
import type { Freshness } from "./freshness.ts";
import { Gauge, type PlayerStats } from "./gauge.ts";
import { HlsConnection, loadHls } from "./hls.ts";
import { PlayerMachine, type PlayerInput, type PlayerOutput, type PlayerState } from "./machine.ts";
import { NativeHlsConnection } from "./native_hls.ts";
import type { PlaySession, Reason } from "./session.ts";
import { Signal, type Readable } from "./signal.ts";
import type { Grant, Need, PlaySource, ProtocolWish } from "./source.ts";
import { BLOCKED, WhepConnection, WhepStart } from "./whep.ts";

/** What a player needs. */
export interface PlayerOptions {
  /** The element that shows the picture; the player sets what it plays and whether it is muted, nothing else. */
  readonly video: HTMLVideoElement;
  readonly source: PlaySource;
  /** The hub's clock, kept by `keepClock`; one serves all players of a page. */
  readonly clock: ServerClock;
  /** Above this age a picture is late, ms: 2,000 for interactive views. */
  readonly lateAboveMs?: number;
  /** By which protocol to play; `auto` if absent. */
  readonly protocol?: ProtocolWish;
  /** The codec of a tier's sound as cameras' answers name it, where it is known. */
  readonly audioCodec?: (tier: string) => string | undefined;
}

const LATE_ABOVE_MS = 2_000;

/**
 * Plays one camera into one video element: asks for a session, connects, tells how old the picture is, and starts again
 * by itself when it breaks, by another protocol where this one does not get through.
 * Signals out: `state`, `freshness`, `stats`, `sounding`. In: `play`, `stop`, `hope`, `insist`, `sound`, `close`.
 */
export class Player {
  readonly #options: PlayerOptions;
  readonly #machine = new PlayerMachine(Math.random);
  readonly #state = new Signal<PlayerState>({ kind: "idle" });
  readonly #freshness = new Signal<Freshness>({ kind: "unknown" });
  readonly #stats = new Signal<PlayerStats | undefined>(undefined);
  readonly #sounding = new Signal(false);
  readonly #life = new AbortController();
  #need: Need;
  #connection: Connection | undefined;
  /** Begun for the session that is being asked for. */
  #begun: WhepStart | undefined;
  /** Whose picture is in the element: the connection, or the one before it. */
  #shown: Connection | undefined;
  #gauge: Gauge | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether it was the sound alone that called for the protocol it is played by. */
  #moved = false;
  #resumeOnShow = false;
  #askedAt = 0;
  #startupMs: number | undefined;
  #reported = false;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#need = { protocol: options.protocol ?? "auto", audio: false };
    const { signal } = this.#life;
    window.addEventListener("pagehide", () => { this.#pageHidden(); }, { signal });
    window.addEventListener("pageshow", () => { if (this.#resumeOnShow) this.play(); }, { signal });
    // The element may be paused from outside (another tab took the sound focus, a media key): a wall has no pause.
    options.video.addEventListener("pause", () => { this.#keepRunning(); }, { signal });
    this.#freshness.subscribe(() => { this.#reportStart(); });
    const unwatch = options.source.whenBlocked?.(() => { this.#doubt(); });
    if (unwatch) signal.addEventListener("abort", unwatch);
  }

  get state(): Readable<PlayerState> {
    return this.#state;
  }

  /** How old the picture on the screen is; told five times a second while there is one. */
  get freshness(): Readable<Freshness> {
    return this.#freshness;
  }

  get stats(): Readable<PlayerStats | undefined> {
    return this.#stats;
  }

  /** Whether sound is on; it goes off by itself where the browser allows none. */
  get sounding(): Readable<boolean> {
    return this.#sounding;
  }

  /** The protocol wished. */
  get protocol(): ProtocolWish {
    return this.#need.protocol;
  }

  play(): void {
    this.#resumeOnShow = false;
    this.#feed({ kind: "play-wanted" });
  }

  stop(): void {
    this.#moved = false;
    this.sound(false);
    this.#feed({ kind: "stop-wanted" });
  }

  /** Tells that what stood in the way may be gone: no more waiting, try now. */
  hope(): void {
    this.#feed({ kind: "hope-given" });
  }

  /** Plays by this protocol and no other; `auto` leaves it to the hub again. */
  insist(protocol: ProtocolWish): void {
    if (protocol === this.#need.protocol) return;
    this.#moved = false;
    this.#need = { ...this.#need, protocol };
    this.#feed({ kind: "wish-changed" });
  }

  /**
   * Turns sound on or off. Browsers allow it on only in answer to a click or a key, so call it from there. Where the
   * session's protocol cannot carry this camera's sound and another can, the camera is played anew by that, and goes back
   * when the sound goes off.
   */
  sound(on: boolean): void {
    if (on === this.#sounding.get()) return;
    this.#options.video.muted = !on;
    this.#sounding.set(on);
    this.#need = { ...this.#need, audio: on };
    const state = this.#machine.state;
    const move = on ? "session" in state && this.#needsAnother(state.session) : this.#moved;
    this.#moved = on && move;
    if (move) this.#feed({ kind: "wish-changed" });
    else this.#connection?.sound(on);
  }

  /** Tells that a session was ended by somebody with the right to it; if it is this one, playing stays ended. */
  revoked(sessionId: string, reason: Reason): void {
    this.#feed({ kind: "session-revoked", sessionId, reason });
  }

  /** Ends playing for good and lets everything go. */
  close(): void {
    this.stop();
    this.#life.abort();
  }

  /** Whether a new session would carry sound that this one does not. */
  #needsAnother({ protocol, tier }: PlaySession): boolean {
    const codec = this.#options.audioCodec?.(tier);
    if (codec === undefined || protocol !== "webrtc" || this.#need.protocol !== "auto") return false;
    const { webrtc, hls } = audible(codec);
    return hls && !webrtc;
  }

  /** Another player found that WebRTC does not get through: this one need not wait to find the same. */
  #doubt(): void {
    const state = this.#machine.state;
    if (state.kind !== "connecting" || state.session.protocol !== "webrtc" || state.session.fallbacks.length === 0) return;
    this.#feed({ kind: "transport-down", ...BLOCKED });
  }

  #pageHidden(): void {
    this.#resumeOnShow = this.#machine.state.kind !== "idle";
    this.stop();
  }

  #feed(input: PlayerInput): void {
    if (this.#life.signal.aborted) return;
    this.#machine.handle(performance.now(), input);
    for (let order = this.#machine.poll(); order !== undefined; order = this.#machine.poll()) this.#obey(order);
    // A stopped tile shows nothing; a broken one keeps its last picture, which its owner shows as old.
    if (this.#machine.state.kind === "idle") this.#clear();
    this.#state.set(this.#machine.state);
    clearTimeout(this.#timer);
    const due = this.#machine.deadline();
    if (due !== undefined) this.#timer = setTimeout(() => { this.#feed({ kind: "woke" }); }, Math.max(0, due - performance.now()) + 1);
  }

  #obey(order: PlayerOutput): void {
    const { source } = this.#options;
    switch (order.kind) {
      case "ask-session":
        this.#askedAt = performance.now();
        // On its way while the hub decides; a failure is told when the script is needed.
        if (this.#need.protocol.endsWith("hls") && mediaSource()) void loadHls().catch(() => undefined);
        this.#begin();
        void source.open(this.#need).then((grant) => { this.#answered(order.ticket, grant); });
        break;
      case "renew-session":
        this.#askedAt = performance.now();
        this.#begin();
        void source.renew(order.session, this.#need).then((grant) => { this.#answered(order.ticket, grant); });
        break;
      case "connect":
        this.#connect(order.session);
        break;
      case "disconnect":
        this.#disconnect(order.quietly);
        break;
      case "release-session":
        source.release(order.session);
        break;
    }
  }

  #answered(ticket: number, grant: Grant): void {
    if (grant.kind !== "granted") {
      this.#begun?.close();
      this.#begun = undefined;
    }
    switch (grant.kind) {
      case "granted":
        this.#feed({ kind: "session-granted", ticket, session: grant.session });
        break;
      case "refused":
        this.#feed({ kind: "session-refused", ticket, reason: grant.reason, final: grant.final });
        break;
      case "ended":
        this.#feed({ kind: "session-ended", ticket });
        break;
    }
  }

  #connect(session: PlaySession): void {
    const { video, source } = this.#options;
    const events: EngineEvents = {
      taking: () => {
        this.#shown?.letGo();
        this.#shown = connection;
      },
      shown: () => { this.#watch(connection); },
      up: () => {
        if (session.protocol === "webrtc") source.learned?.("reached");
        this.#feed({ kind: "transport-up" });
      },
      life: (media) => { this.#feed({ kind: media && document.hidden ? "frame-shown" : "life-seen" }); },
      down: (end) => {
        this.#feed({ kind: "transport-down", ...end });
        if (end === BLOCKED) source.learned?.("blocked");
      },
    };
    const begun = this.#begun;
    this.#begun = undefined;
    const connection = open({ session, video, sound: this.#sounding.get(), events }, begun);
    this.#connection = connection;
  }

  #watch(connection: Connection): void {
    if (connection !== this.#connection) return;
    const { video, clock, lateAboveMs } = this.#options;
    this.#gauge?.close();
    this.#gauge = new Gauge({
      video, connection, clock, lateAboveMs: lateAboveMs ?? LATE_ABOVE_MS, freshness: this.#freshness, stats: this.#stats,
      pictured: () => { this.#pictured(); },
      alive: () => { this.#feed({ kind: "life-seen" }); },
    });
    this.#keepRunning();
  }

  #pictured(): void {
    this.#startupMs ??= performance.now() - this.#askedAt;
    this.#feed({ kind: "frame-shown" });
  }

  #keepRunning(): void {
    const { video } = this.#options;
    if (this.#gauge === undefined) return;
    video.play().catch((error: unknown) => {
      // Unmuted without a click of late: the picture matters more.
      if (!video.muted && error instanceof DOMException && error.name === "NotAllowedError") {
        this.sound(false);
        this.#keepRunning();
      }
    });
  }

  /** Once per connection, as soon as the age of its pictures is known. */
  #reportStart(): void {
    const state = this.#machine.state;
    const freshness = this.#freshness.get();
    if (this.#reported || this.#startupMs === undefined || state.kind !== "playing" || freshness.kind !== "live") return;
    this.#reported = true;
    this.#options.source.measured(state.session, { startupMs: this.#startupMs, latencyMs: freshness.ageMs });
  }

  /** The last picture stays in the element until the next one: the owner shows it as what it is, old. */
  #disconnect(quietly: boolean): void {
    this.#gauge?.close();
    this.#gauge = undefined;
    this.#connection?.close(quietly);
    this.#connection = undefined;
    this.#startupMs = undefined;
    this.#reported = false;
  }

  /** What WebRTC takes to offer goes on beside the hub's decision, which may yet be another. */
  #begin(): void {
    this.#begun?.close();
    this.#begun = this.#need.protocol.endsWith("hls") ? undefined : new WhepStart([]);
  }

  #clear(): void {
    this.#begun?.close();
    this.#begun = undefined;
    this.#shown?.letGo();
    this.#shown = undefined;
  }
}

/** The engine for a session. hls.js plays wherever there are media sources, for browsers' own HLS is seconds late. */
function open(line: Line, begun: WhepStart | undefined): Connection {
  if (line.session.protocol === "webrtc") return WhepConnection.of(line, begun);
  begun?.close();
  return mediaSource() ? new HlsConnection(line) : new NativeHlsConnection(line);
}
