import type { ServerClock } from "./clock.ts";
import { judge, parseMessage, PictureWatch, type Anchor, type Freshness } from "./freshness.ts";
import { PlayerMachine, type PlayerInput, type PlayerOutput, type PlayerState, type Reason } from "./machine.ts";
import { Signal, type Readable } from "./signal.ts";
import type { Grant, PlaySource } from "./source.ts";
import { WhepConnection } from "./whep.ts";

/** What a player needs. */
export interface PlayerOptions {
  /** The element that shows the picture; the player sets its `srcObject` and nothing else. */
  readonly video: HTMLVideoElement;
  readonly source: PlaySource;
  /** The hub's clock, kept by `keepClock`; one serves all players of a page. */
  readonly clock: ServerClock;
  /** Above this age a picture is late, ms: 2,000 for interactive views. */
  readonly lateAboveMs?: number;
}

/** Size and counts of what is decoded, for overlays. */
export interface PlayerStats {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** The age is told this often, ms. */
const JUDGE_EVERY_MS = 200;
const STATS_EVERY_MS = 1_000;
const LATE_ABOVE_MS = 2_000;

/**
 * Plays one camera into one video element: asks for a session, connects, tells how old the picture is, and starts again
 * by itself when it breaks. Signals out: `state`, `freshness`, `stats`. In: `play`, `stop`, `hope`, `close`.
 */
export class Player {
  readonly #options: PlayerOptions;
  readonly #machine = new PlayerMachine(Math.random);
  readonly #state = new Signal<PlayerState>({ kind: "idle" });
  readonly #freshness = new Signal<Freshness>({ kind: "unknown" });
  readonly #stats = new Signal<PlayerStats | undefined>(undefined);
  readonly #life = new AbortController();
  #connection: WhepConnection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tickers: ReturnType<typeof setInterval>[] = [];
  #anchor: Anchor | undefined;
  #rtp: number | undefined;
  #watch = new PictureWatch();
  #pictureAt: number | undefined;
  #decoded = 0;
  #resumeOnShow = false;
  #askedAt = 0;
  #startupMs: number | undefined;
  #reported = false;

  constructor(options: PlayerOptions) {
    this.#options = options;
    const { signal } = this.#life;
    window.addEventListener("pagehide", () => { this.#pageHidden(); }, { signal });
    window.addEventListener("pageshow", () => { if (this.#resumeOnShow) this.play(); }, { signal });
    // The element may be paused from outside (another tab took the sound focus, a media key): a wall has no pause.
    options.video.addEventListener("pause", () => { this.#keepRunning(); }, { signal });
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

  play(): void {
    this.#resumeOnShow = false;
    this.#feed({ kind: "play-wanted" });
  }

  stop(): void {
    this.#feed({ kind: "stop-wanted" });
  }

  /** Tells that what stood in the way may be gone: no more waiting, try now. */
  hope(): void {
    this.#feed({ kind: "hope-given" });
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

  #pageHidden(): void {
    this.#resumeOnShow = this.#machine.state.kind !== "idle";
    this.stop();
  }

  #feed(input: PlayerInput): void {
    if (this.#life.signal.aborted) return;
    this.#machine.handle(performance.now(), input);
    for (let order = this.#machine.poll(); order !== undefined; order = this.#machine.poll()) this.#obey(order);
    // A stopped tile shows nothing; a broken one keeps its last picture, which its owner shows as old.
    if (this.#machine.state.kind === "idle") this.#options.video.srcObject = null;
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
        void source.open().then((grant) => { this.#answered(order.ticket, grant); });
        break;
      case "renew-session":
        this.#askedAt = performance.now();
        void source.renew(order.session).then((grant) => { this.#answered(order.ticket, grant); });
        break;
      case "connect":
        this.#connection = new WhepConnection(order.session, {
          stream: (stream) => { this.#show(stream); },
          up: () => { this.#feed({ kind: "transport-up" }); },
          down: (reason, final) => { this.#feed({ kind: "transport-down", reason, final }); },
          message: (text) => { this.#heard(text); },
        });
        break;
      case "disconnect":
        this.#disconnect();
        break;
      case "release-session":
        source.release(order.session);
        break;
    }
  }

  #answered(ticket: number, grant: Grant): void {
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

  #show(stream: MediaStream): void {
    const { video } = this.#options;
    const connection = this.#connection;
    video.srcObject = stream;
    this.#keepRunning();
    this.#watchFrames(connection);
    this.#tickers = [
      setInterval(() => { this.#judge(); }, JUDGE_EVERY_MS),
      setInterval(() => void this.#look(connection), STATS_EVERY_MS),
    ];
  }

  #keepRunning(): void {
    const { video } = this.#options;
    if (video.srcObject !== null && this.#connection !== undefined) void video.play().catch(() => undefined);
  }

  #watchFrames(connection: WhepConnection | undefined): void {
    const { video } = this.#options;
    video.requestVideoFrameCallback((_now, metadata) => {
      if (connection === undefined || connection !== this.#connection) return;
      // Chromium calls back for a paused element too, and once more for a picture that it only drew again (for a
      // screenshot, a resize): neither is a new picture. Without RTP timestamps (an older
      // browser) the media time at least tells one picture from another.
      const mark = metadata.rtpTimestamp ?? metadata.mediaTime * 90_000;
      const anchor = metadata.rtpTimestamp === undefined ? undefined : this.#anchor;
      const now = performance.now();
      if (!video.paused) this.#rtp = metadata.rtpTimestamp;
      if (!video.paused && this.#watch.isNew(now, mark, anchor)) {
        this.#pictureAt = now;
        this.#startupMs ??= now - this.#askedAt;
        this.#feed({ kind: "frame-shown" });
        if (this.#freshness.get().kind !== "live") this.#judge();
      }
      this.#watchFrames(connection);
    });
  }

  #heard(text: string): void {
    const message = parseMessage(text);
    if (message) this.#anchor = { ...message, learnedAt: performance.now() };
    this.#feed({ kind: "life-seen" });
  }

  #judge(): void {
    const now = performance.now();
    this.#freshness.set(judge({
      now,
      serverUnixMs: this.#options.clock.serverTime(now),
      anchor: this.#anchor,
      rtp: this.#rtp,
      pictureAt: this.#pictureAt,
      lateAboveMs: this.#options.lateAboveMs ?? LATE_ABOVE_MS,
    }));
    this.#reportStart();
  }

  /** Once per connection, as soon as the age of its pictures is known. */
  #reportStart(): void {
    const state = this.#machine.state;
    const freshness = this.#freshness.get();
    if (this.#reported || this.#startupMs === undefined || state.kind !== "playing" || freshness.kind !== "live") return;
    this.#reported = true;
    this.#options.source.measured(state.session, { startupMs: this.#startupMs, latencyMs: freshness.ageMs });
  }

  /** Decoded frames count as life where the page shows none: in a hidden tab no frame callback comes. */
  async #look(connection: WhepConnection | undefined): Promise<void> {
    const report = await connection?.stats().catch(() => undefined);
    if (!report || connection !== this.#connection) return;
    report.forEach((entry: RTCStats) => {
      if (entry.type !== "inbound-rtp") return;
      const inbound = entry as RTCInboundRtpStreamStats;
      const decoded = inbound.framesDecoded ?? 0;
      if (decoded > this.#decoded) this.#feed({ kind: document.hidden ? "frame-shown" : "life-seen" });
      this.#decoded = decoded;
      this.#stats.set({ width: inbound.frameWidth ?? 0, height: inbound.frameHeight ?? 0, fps: inbound.framesPerSecond ?? 0 });
    });
  }

  /** The last picture stays in the element until the next one: the owner shows it as what it is, old. */
  #disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#tickers.forEach(clearInterval);
    this.#tickers = [];
    this.#anchor = undefined;
    this.#rtp = undefined;
    this.#watch = new PictureWatch();
    this.#pictureAt = undefined;
    this.#decoded = 0;
    this.#startupMs = undefined;
    this.#reported = false;
    this.#stats.set(undefined);
    this.#freshness.set({ kind: "unknown" });
  }
}
