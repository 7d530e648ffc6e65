import type HlsType from "hls.js";
import type { ErrorData } from "hls.js";
import type { Ahead } from "./ahead.ts";
import { mediaSource } from "./codecs.ts";
import type { Connection, Decoded, End, Line, Stamp } from "./engine.ts";
import { hlsSettings } from "./hls_settings.ts";
import type { Move as MoveType } from "./move.ts";
import { Pace } from "./pace.ts";
import { problemIn } from "./problem.ts";
import type { Reason } from "./session.ts";

/** Statuses by which the node says that this session is over or was never there. */
const OVER: ReadonlySet<number> = new Set([401, 403, 404, 410]);
/** The node holds requests back while a camera is silent; as long as it does so it is taken for alive. In ms. */
const HELD_FOR_MS = 12_000;
const LIFE_EVERY_MS = 1_000;
const PACE_EVERY_MS = 100;
/** A first request that is held this long is in the hands of a node that waits for the camera, ms. */
const ACCEPTED_AFTER_MS = 2_000;
/** A decoder that trips again within this of its last fall is not picked up again, ms. */
const RECOVER_EVERY_MS = 30_000;
/** A player this far behind where it should be does not run but jump, s. */
const JUMP_ABOVE_S = 4;
const JUMP_EVERY_MS = 5_000;
/** A stream begun anew is taken up anew at most this often, ms. */
const REOPEN_EVERY_MS = 5_000;

const SESSION_OVER: Reason = { code: "session-over", text: "The media node ended the session" };
const UNREACHABLE: Reason = { code: "media-unreachable", text: "The media node cannot be reached from here" };
const UNDECODED: Reason = { code: "decode-failed", text: "The picture cannot be decoded" };
const UNSUPPORTED: Reason = { code: "decoder-missing", text: "This browser cannot show this camera's video" };
const NOT_LOADED: Reason = { code: "media-unreachable", text: "The player for HLS cannot be loaded" };

type Library = typeof import("./hls_library.ts");

let library: Promise<Library> | undefined;

/** Fetches hls.js, once a page; whoever plays by WebRTC alone never does. A failed try may be made again. */
export function loadHls(): Promise<Library> {
  library ??= import("./hls_library.ts");
  library.catch(() => { library = undefined; });
  return library;
}

/** Fetches what goes over from one HLS address to another. */
export async function loadMove(): Promise<typeof MoveType> {
  return (await import("./hls_library.ts")).Move;
}

/** Where HLS can be played, by hls.js or by the browser itself. */
export function hlsPlays(): boolean {
  return mediaSource() !== undefined || document.createElement("video").canPlayType("application/vnd.apple.mpegurl") !== "";
}

/** One LL-HLS or HLS session, played by hls.js. */
export class HlsConnection implements Connection {
  readonly #line: Line;
  #hls: HlsType | undefined;
  #ahead: Ahead | undefined;
  #sound: boolean;
  #stamp: Stamp | undefined;
  #resource: string | undefined;
  #opened = false;
  #up = false;
  #closed = false;
  #answeredAt = performance.now();
  #faltering = false;
  #reopenedAt = -Infinity;
  #recoveredAt = -Infinity;
  #jumpedAt = performance.now();
  #held = false;
  #seen: { readonly frames: number; readonly at: number } | undefined;
  readonly #pace = new Pace();
  readonly #tickers: readonly ReturnType<typeof setInterval>[];

  constructor(line: Line) {
    this.#line = line;
    this.#sound = line.sound;
    this.#tickers = [setInterval(() => { this.#tick(); }, LIFE_EVERY_MS), setInterval(() => { this.#keepNear(); }, PACE_EVERY_MS)];
    loadHls().then((library) => { this.#start(library); }, () => { this.#down({ reason: NOT_LOADED, after: "again" }); });
  }

  mark({ mediaTime }: VideoFrameCallbackMetadata): number {
    const rtp = Math.round(mediaTime * 90_000) >>> 0;
    // The program date time is that of the play position, which runs a little ahead of the picture shown.
    const playing = this.#hls?.playingDate?.getTime();
    const ahead = (this.#line.video.currentTime - mediaTime) * 1_000;
    this.#stamp = playing === undefined ? undefined : { rtp, capturedAtMs: playing - ahead, learnedAt: performance.now() };
    return rtp;
  }

  stamp(): Stamp | undefined {
    return this.#stamp;
  }

  decoded(): Promise<Decoded> {
    const { video } = this.#line;
    const frames = video.getVideoPlaybackQuality().totalVideoFrames;
    const at = performance.now();
    const before = this.#seen ?? { frames, at };
    this.#seen = { frames, at };
    const fps = at > before.at ? Math.max(0, Math.round(((frames - before.frames) * 1_000) / (at - before.at))) : 0;
    return Promise.resolve({ frames, width: video.videoWidth, height: video.videoHeight, fps });
  }

  /** Sound is left out of the playlist until it is wanted; then it stays, and the element mutes it. */
  sound(wanted: boolean): void {
    if (!wanted || this.#sound) return;
    this.#sound = true;
    this.#hls?.loadSource(this.#address());
  }

  close(quietly: boolean): void {
    this.#end(!quietly);
  }

  hold(held: boolean): void {
    this.#held = held;
    this.#line.video.playbackRate = held ? 0 : 1;
  }

  letGo(): void {
    this.#line.video.playbackRate = 1;
    this.#hls?.destroy();
    this.#hls = undefined;
  }

  #end(tell: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tickers.forEach(clearInterval);
    this.#ahead?.stop();
    // Destroying it now would take the last picture away, if it has shown one.
    if (this.#opened) this.#hls?.stopLoad();
    else this.letGo();
    if (tell && this.#resource !== undefined) {
      void fetch(this.#resource, { method: "DELETE", keepalive: true, credentials: "omit" }).catch(() => undefined);
    }
  }

  #start({ Hls, Ahead }: Library): void {
    if (this.#closed) return;
    const { Events } = Hls;
    const lowLatency = this.#line.session.protocol === "ll-hls";
    const ahead = new Ahead();
    // Before hls.js is set up, which takes a browser ten milliseconds.
    if (lowLatency) ahead.begin(this.#address());
    const hls = new Hls({ ...hlsSettings(lowLatency), ...(lowLatency && { loader: ahead.loader(Hls) }) });
    this.#hls = hls;
    this.#ahead = ahead;
    hls.on(Events.MANIFEST_LOADED, (_event, { levels }) => { this.#open(hls, levels[0]?.url); });
    hls.on(Events.LEVEL_LOADED, (_event, { details }) => {
      ahead.playlist(details);
      this.#answered(false);
    });
    hls.on(Events.FRAG_BUFFERED, () => { this.#answered(true); });
    hls.on(Events.ERROR, (_event, data) => { this.#failed(Hls, data); });
    hls.loadSource(this.#address());
    // Where no picture would have to stand until the next one comes, the element gets ready meanwhile.
    if (this.#line.video.readyState === 0) this.#take(hls);
  }

  #address(): string {
    const url = new URL(this.#line.session.url, location.href);
    if (this.#sound) url.searchParams.delete("audio");
    else url.searchParams.set("audio", "off");
    return url.href;
  }

  /** The node opened the session: its playlists lie below a secret that alone ends it. */
  #open(hls: HlsType, playlist: string | undefined): void {
    if (this.#closed) return;
    this.#resource = resource(playlist, this.#address());
    this.#accepted();
    this.#answered(false);
    this.#take(hls);
  }

  #take(hls: HlsType): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#line.events.taking();
    hls.attachMedia(this.#line.video);
    this.#line.events.shown();
  }

  #accepted(): void {
    if (this.#up) return;
    this.#up = true;
    this.#line.events.up();
  }

  #answered(media: boolean): void {
    this.#answeredAt = performance.now();
    this.#faltering = false;
    if (this.#up && !this.#closed) this.#line.events.life(media);
  }

  #tick(): void {
    const silent = performance.now() - this.#answeredAt;
    if (this.#hls && !this.#faltering && silent > ACCEPTED_AFTER_MS) this.#accepted();
    if (this.#up && !this.#faltering && silent < HELD_FOR_MS) this.#line.events.life(false);
  }

  /** Runs after the live edge, or jumps: a tab that slept is further behind than running would make good. */
  #keepNear(): void {
    if (this.#held) return;
    const hls = this.#hls;
    const target = hls?.liveSyncPosition ?? null;
    const { video } = this.#line;
    if (hls === undefined || target === null || !hls.config.lowLatencyMode || video.readyState === 0 || video.seeking) return;
    const now = performance.now();
    const behind = target - video.currentTime;
    if (behind > JUMP_ABOVE_S && now - this.#jumpedAt > JUMP_EVERY_MS) {
      this.#jumpedAt = now;
      video.currentTime = target;
      return;
    }
    const { buffered } = video;
    const left = buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - video.currentTime;
    const rate = this.#pace.rate(now, behind, left);
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }

  #failed(Hls: typeof HlsType, data: ErrorData): void {
    if (this.#closed) return;
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR) this.#unanswered(Hls, data);
    else if (data.fatal) this.#undecoded(Hls, data);
  }

  #unanswered(Hls: typeof HlsType, data: ErrorData): void {
    const status = data.response?.code;
    const told = toldBy(data.networkDetails);
    if (status === UNAVAILABLE) {
      // The node is there; it waits for the camera.
      this.#answered(false);
    } else {
      this.#faltering = true;
    }
    if (told.code === "run-ended" && performance.now() - this.#reopenedAt > REOPEN_EVERY_MS) {
      // The camera's stream was begun anew: the session goes on under other addresses.
      this.#reopenedAt = performance.now();
      this.#hls?.loadSource(this.#address());
      return;
    }
    // A session that is over stays over; hls.js would try again for seconds. A part alone may have left the window.
    const over = status !== undefined && OVER.has(status) && data.details !== Hls.ErrorDetails.FRAG_LOAD_ERROR;
    const unfit = status !== undefined && UNFIT_STATUSES.has(status);
    if (!data.fatal && !over && !unfit) return;
    const other = this.#line.session.fallbacks.length > 0 ? "elsewhere" : "never";
    this.#down({ reason: networkReason(status, told), after: unfit ? other : "again" });
  }

  #undecoded(Hls: typeof HlsType, data: ErrorData): void {
    if (UNFIT.has(data.details)) {
      this.#down({ reason: UNSUPPORTED, after: "elsewhere" });
    } else if (data.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - this.#recoveredAt > RECOVER_EVERY_MS) {
      this.#recoveredAt = performance.now();
      this.#hls?.recoverMediaError();
    } else {
      this.#down({ reason: UNDECODED, after: "again" });
    }
  }

  #down(end: End): void {
    if (this.#closed) return;
    // The session may go on: it ends by itself when nothing is asked of it any more.
    this.#end(false);
    this.#line.events.down(end);
  }
}

/** Ends that say that this browser has no decoder for the stream. */
const UNFIT: ReadonlySet<string> = new Set(["manifestIncompatibleCodecsError", "bufferAddCodecError", "bufferIncompatibleCodecsError"]);

/** Statuses that say that this stream is not for this browser. */
const UNFIT_STATUSES: ReadonlySet<number> = new Set([406, 415, 422]);
const UNAVAILABLE = 503;

/** The problem in an answer, where it is text. */
function toldBy(details: unknown): Partial<Reason> {
  if (!(details instanceof XMLHttpRequest) || (details.responseType !== "" && details.responseType !== "text")) return {};
  return problemIn(details.responseText);
}

function networkReason(status: number | undefined, told: Partial<Reason>): Reason {
  if (status === 401 || status === 403) return { code: "token-refused", text: told.text ?? "The media node did not accept the session" };
  if (status !== undefined && OVER.has(status)) return { ...SESSION_OVER, ...told };
  if (status === undefined || status === 0) return UNREACHABLE;
  return { code: told.code ?? "media-refused", text: told.text ?? `The media node answered ${status}` };
}

/** What ends a session by DELETE: `/hls/s/{secret}` of a playlist's address. */
export function resource(playlist: string | undefined, base: string): string | undefined {
  if (playlist === undefined) return undefined;
  const { origin, pathname } = new URL(playlist, base);
  const secret = /^(.*\/hls\/s\/[^/]+)\//.exec(pathname)?.[1];
  return secret === undefined ? undefined : origin + secret;
}
