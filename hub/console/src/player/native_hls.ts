import type { Connection, Decoded, End, Line, Stamp } from "./engine.ts";

const REFUSED: End = { reason: { code: "media-refused", text: "The browser could not play the stream" }, after: "again" };
const UNSUPPORTED: End = { reason: { code: "decoder-missing", text: "This browser cannot show this camera's video" }, after: "elsewhere" };
const LIFE_EVERY_MS = 1_000;

/** One HLS session played by the browser itself: Safari on a telephone without media sources. */
export class NativeHlsConnection implements Connection {
  readonly #line: Line;
  readonly #abort = new AbortController();
  readonly #ticker: ReturnType<typeof setInterval>;
  #stamp: Stamp | undefined;

  constructor(line: Line) {
    this.#line = line;
    const { video, events } = line;
    const { signal } = this.#abort;
    video.addEventListener("loadedmetadata", () => { events.up(); }, { signal });
    video.addEventListener("error", () => { this.#down(video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED ? UNSUPPORTED : REFUSED); }, { signal });
    // The browser keeps its requests to itself: that it has not given up is all that can be known.
    this.#ticker = setInterval(() => { if (video.networkState === HTMLMediaElement.NETWORK_LOADING) events.life(false); }, LIFE_EVERY_MS);
    queueMicrotask(() => { this.#open(); });
  }

  mark({ mediaTime }: VideoFrameCallbackMetadata): number {
    const rtp = Math.round(mediaTime * 90_000) >>> 0;
    // WebKit's own: the program date time at which the timeline begins.
    const { getStartDate } = this.#line.video as { getStartDate?: () => Date };
    const began = getStartDate?.call(this.#line.video).getTime() ?? NaN;
    this.#stamp = Number.isFinite(began) ? { rtp, capturedAtMs: began + mediaTime * 1_000, learnedAt: performance.now() } : undefined;
    return rtp;
  }

  stamp(): Stamp | undefined {
    return this.#stamp;
  }

  decoded(): Promise<Decoded> {
    const { videoWidth: width, videoHeight: height } = this.#line.video;
    return Promise.resolve({ frames: this.#line.video.getVideoPlaybackQuality().totalVideoFrames, width, height, fps: 0 });
  }

  /** The playlist has the sound already; the element mutes it. */
  sound(): void {
    return;
  }

  close(): void {
    clearInterval(this.#ticker);
    this.#abort.abort();
  }

  letGo(): void {
    this.#line.video.removeAttribute("src");
    this.#line.video.load();
  }

  #open(): void {
    if (this.#abort.signal.aborted) return;
    this.#line.events.taking();
    this.#line.video.src = new URL(this.#line.session.url, location.href).href;
    this.#line.events.shown();
  }

  #down(end: End): void {
    this.close();
    this.#line.events.down(end);
  }
}
