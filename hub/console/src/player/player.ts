import { mediaSource, needsAnother } from "./codecs.ts";
import type { Connection, EngineEvents } from "./engine.ts";
import { open } from "./engines.ts";
import type { Freshness } from "./freshness.ts";
import { Gauge, type PlayerStats } from "./gauge.ts";
import { loadHls, loadMove } from "./hls.ts";
import { PlayerMachine, type PlayerInput, type PlayerOutput, type PlayerState } from "./machine.ts";
import type { Move } from "./move.ts";
import type { PlaySession, Reason } from "./session.ts";
import { Teller, type Showing } from "./showing.ts";
import { Signal, type Readable } from "./signal.ts";
import type { PlayerOptions } from "./player_options.ts";
import { toInput, type Grant, type Need, type ProtocolWish } from "./source.ts";
import { StartReport } from "./start_report.ts";
import { BLOCKED, WhepStart } from "./whep.ts";

/**
 * Plays one camera into one video element: asks for a session, connects, tells how old the picture is, and starts again
 * by itself when it breaks, by another protocol where this one does not get through.
 * Signals out: `state`, `freshness`, `stats`, `sounding`. In: `play`, `stop`, `hope`, `insist`, `sound`, `show`,
 * `revoked`, `retiered`, `channel`, `close`.
 */
export class Player {
  readonly #options: PlayerOptions;
  readonly #machine = new PlayerMachine(Math.random);
  readonly #state = new Signal<PlayerState>({ kind: "idle" });
  readonly #freshness = new Signal<Freshness>({ kind: "unknown" });
  readonly #stats = new Signal<PlayerStats | undefined>(undefined);
  readonly #sounding = new Signal(false);
  readonly #life = new AbortController();
  readonly #teller: Teller;
  #video: HTMLVideoElement;
  #move: Move | undefined;
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
  readonly #start: StartReport;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#video = options.video;
    this.#start = new StartReport(options.source);
    this.#teller = new Teller((session, showing) => { options.source.shown?.(session, showing); });
    this.#need = { protocol: options.protocol ?? "auto", audio: false };
    const { signal } = this.#life;
    window.addEventListener("pagehide", () => {
      this.#resumeOnShow = this.#machine.state.kind !== "idle";
      this.stop();
    }, { signal });
    window.addEventListener("pageshow", () => { if (this.#resumeOnShow) this.play(); }, { signal });
    document.addEventListener("visibilitychange", () => { this.#seen(); }, { signal });
    // The element may be paused from outside (another tab took the sound focus, a media key): a wall has no pause.
    options.video.addEventListener("pause", () => { this.#keepRunning(); }, { signal });
    this.#freshness.subscribe((freshness) => { this.#start.tell(this.#machine.state, freshness); });
    const unwatch = options.source.whenBlocked?.(() => { this.#doubt(); });
    if (unwatch) signal.addEventListener("abort", unwatch);
  }

  /** The element that shows the picture. */
  get video(): HTMLVideoElement { return this.#video; }

  get state(): Readable<PlayerState> { return this.#state; }

  /** How old the picture on the screen is; told five times a second while there is one. */
  get freshness(): Readable<Freshness> {
    return this.#freshness;
  }

  get stats(): Readable<PlayerStats | undefined> { return this.#stats; }

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
    this.#video.muted = !on;
    this.#sounding.set(on);
    this.#seen();
    this.#need = { ...this.#need, audio: on };
    const state = this.#machine.state;
    const codec = "session" in state ? this.#options.audioCodec?.(state.session.tier) : undefined;
    const move = on ? "session" in state && needsAnother(state.session, codec, this.#need.protocol) : this.#moved;
    this.#moved = on && move;
    if (move) this.#feed({ kind: "wish-changed" });
    else this.#connection?.sound(on);
  }

  /** Tells that a session was ended by somebody with the right to it; if it is this one, playing stays ended. */
  revoked(sessionId: string, reason: Reason): void {
    this.#feed({ kind: "session-revoked", sessionId, reason });
  }

  /** Tells how the tile shows the picture; the tier follows, without a gap. */
  show(showing: Partial<Showing>): void {
    this.#teller.show(showing);
    this.#settle();
  }

  /** Takes what the hub says of a session's tier (its event `session.tier`), if it is this one's. */
  retiered(change: { readonly sessionId: string; readonly tier: string; readonly why: readonly Reason[] }): void {
    this.#feed({ kind: "tier-changed", ...change });
  }

  /** A new data channel beside the picture, where that comes by WebRTC; over `sluice-control` a page moves the camera. */
  channel(label: string): RTCDataChannel | undefined {
    return this.#connection?.channel?.(label);
  }

  /** Ends playing for good and lets everything go. */
  close(): void {
    this.stop();
    this.#life.abort();
  }

  /** What can be heard is not hidden. */
  #seen(): void {
    const hidden = document.hidden && !this.#sounding.get();
    this.#feed({ kind: "hidden", hidden });
    this.show({ visible: !hidden });
  }

  /** Another player found that WebRTC does not get through: this one need not wait to find the same. */
  #doubt(): void {
    const state = this.#machine.state;
    if (state.kind !== "connecting" || state.session.protocol !== "webrtc" || state.session.fallbacks.length === 0) return;
    this.#feed({ kind: "transport-down", ...BLOCKED });
  }

  #feed(input: PlayerInput): void {
    if (this.#life.signal.aborted) return;
    this.#machine.handle(performance.now(), input);
    for (let order = this.#machine.poll(); order !== undefined; order = this.#machine.poll()) this.#obey(order);
    // A stopped tile shows nothing; a broken one keeps its last picture, which its owner shows as old.
    if (this.#machine.state.kind === "idle") this.#clear();
    this.#state.set(this.#machine.state);
    this.#settle();
    clearTimeout(this.#timer);
    const due = this.#machine.deadline();
    if (due !== undefined) this.#timer = setTimeout(() => { this.#feed({ kind: "woke" }); }, Math.max(0, due - performance.now()) + 1);
  }

  /** A session that is not up yet is told later: the hub moves only who plays. */
  #settle(): void {
    const state = this.#machine.state;
    const up = state.kind === "awaiting" || state.kind === "playing" || state.kind === "stalled";
    this.#teller.settle(up ? state.session : undefined);
  }

  #obey(order: PlayerOutput): void {
    const { source } = this.#options;
    switch (order.kind) {
      case "move-session":
        void source.renew(order.session, this.#need).then((grant) => { if (grant.kind === "granted") void this.#moveTo(grant.session); });
        break;
      case "ask-session":
        this.#start.asked();
        // On its way while the hub decides; a failure is told when the script is needed.
        if (this.#need.protocol.endsWith("hls") && mediaSource()) void loadHls().catch(() => undefined);
        this.#begin();
        this.#teller.asked();
        void source.open(this.#need).then((grant) => { this.#answered(order.ticket, grant); });
        break;
      case "renew-session":
        this.#start.asked();
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
    this.#feed(toInput(ticket, grant));
  }

  #connect(session: PlaySession): void {
    const begun = this.#begun;
    this.#begun = undefined;
    const events: EngineEvents = {
      ...this.#events(session),
      taking: () => {
        this.#shown?.letGo();
        this.#shown = connection;
      },
      shown: () => { this.#watch(connection); },
    };
    const connection = open({ session, video: this.#video, sound: this.#sounding.get(), events }, begun);
    this.#connection = connection;
  }

  /** What the connection of a session brings about. */
  #events(session: PlaySession): EngineEvents {
    const { source } = this.#options;
    return {
      taking: () => undefined,
      shown: () => undefined,
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
  }

  /** Goes over to a session's new address, as soon as its picture is as new as the one on the screen. */
  async #moveTo(session: PlaySession): Promise<void> {
    const { replaced } = this.#options;
    const from = this.#connection;
    const Move = await loadMove();
    const state = this.#machine.state;
    if (replaced === undefined || from === undefined || from !== this.#connection || state.kind !== "playing" || state.session.id !== session.id) return;
    this.#move?.close();
    this.#move = new Move({
      video: this.#video,
      open: (video, events) => open({ session, video, sound: this.#sounding.get(), events }, undefined),
      events: this.#events(session),
      shown: () => [from.stamp(), this.#gauge?.mark],
      hold: (held) => { from.hold?.(held); },
      ready: (connection, video) => {
        this.#move = undefined;
        this.#takeOver(connection, video);
        this.#feed({ kind: "session-moved", session });
        replaced(video);
      },
    });
  }

  #takeOver(connection: Connection, video: HTMLVideoElement): void {
    const [before, old] = [this.#connection, this.#video];
    [video.volume, video.muted] = [old.volume, old.muted];
    [this.#connection, this.#shown, this.#video] = [connection, connection, video];
    video.addEventListener("pause", () => { this.#keepRunning(); }, { signal: this.#life.signal });
    old.remove();
    this.#watch(connection, true);
    // Its seat at the node, not the session: that goes on here.
    before?.close(false);
    before?.letGo();
  }

  #watch(connection: Connection, takenOver = false): void {
    if (connection !== this.#connection) return;
    const { clock, lateAboveMs } = this.#options;
    this.#gauge?.close(takenOver);
    this.#gauge = new Gauge({
      video: this.#video, connection, clock, lateAboveMs, freshness: this.#freshness, stats: this.#stats,
      pictured: () => {
        this.#start.pictured();
        this.#feed({ kind: "frame-shown" });
      },
      alive: () => { this.#feed({ kind: "life-seen" }); },
    });
    this.#keepRunning();
  }

  #keepRunning(): void {
    const video = this.#video;
    if (this.#gauge === undefined) return;
    video.play().catch((error: unknown) => {
      // Unmuted without a click of late: the picture matters more.
      if (!video.muted && error instanceof DOMException && error.name === "NotAllowedError") {
        this.sound(false);
        this.#keepRunning();
      }
    });
  }

  /** The last picture stays in the element until the next one: the owner shows it as what it is, old. */
  #disconnect(quietly: boolean): void {
    this.#move?.close();
    this.#move = undefined;
    this.#gauge?.close();
    this.#gauge = undefined;
    this.#connection?.close(quietly);
    this.#connection = undefined;
    this.#start.over();
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
