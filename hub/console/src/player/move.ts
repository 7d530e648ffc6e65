import type { Connection, EngineEvents, Stamp } from "./engine.ts";
import { capturedAt } from "./freshness.ts";

/** A picture this little behind the one on the screen, ms: that one waits for it, which nobody sees. */
const NEARLY_MS = 120;
/** A move that has not come so far as the picture on the screen by then is made as it is, ms. */
const CATCH_UP_LIMIT_MS = 15_000;

/** What a move needs. */
export interface MoveOptions {
  /** The element on the screen. */
  readonly video: HTMLVideoElement;
  /** Opens the connection that is to take over, in this element. */
  readonly open: (video: HTMLVideoElement, events: EngineEvents) => Connection;
  /** Where the new connection's events go once it has taken over. */
  readonly events: EngineEvents;
  /** The picture on the screen: what is known of the age of marks, and its mark. */
  readonly shown: () => readonly [Stamp | undefined, number | undefined];
  /** Lets the picture on the screen stand, or go on. */
  readonly hold: (held: boolean) => void;
  /** The new element shows a picture no older than that of the old one: it is to take its place. */
  readonly ready: (connection: Connection, video: HTMLVideoElement) => void;
}

/**
 * One session's way from one address to another without a gap (HLS): a second element plays the new one behind the first
 * until it shows what the first shows.
 */
export class Move {
  readonly #options: MoveOptions;
  readonly #video: HTMLVideoElement;
  readonly #connection: Connection;
  readonly #began = performance.now();
  #held = false;
  #stands: "under way" | "made" | "off" = "under way";

  constructor(options: MoveOptions) {
    this.#options = options;
    this.#video = options.video.cloneNode(false) as HTMLVideoElement;
    this.#video.muted = true;
    this.#video.style.opacity = "0";
    options.video.after(this.#video);
    this.#connection = options.open(this.#video, this.#events(options.events));
    this.#look();
  }

  /** Calls it off. The session goes on where it was. */
  close(): void {
    if (this.#stands !== "under way") return;
    this.#stands = "off";
    // Quietly: the session is not over.
    this.#connection.close(true);
    this.#connection.letGo();
    this.#video.remove();
    if (this.#held) this.#options.hold(false);
  }

  #events(then: EngineEvents): EngineEvents {
    const made = (): boolean => this.#stands === "made";
    return {
      taking: () => { if (made()) then.taking(); },
      shown: () => {
        if (made()) then.shown();
        else void this.#video.play().catch(() => undefined);
      },
      up: () => { if (made()) then.up(); },
      life: (media) => { if (made()) then.life(media); },
      down: (end) => {
        if (made()) then.down(end);
        else this.close();
      },
    };
  }

  #look(): void {
    this.#video.requestVideoFrameCallback((_now, metadata) => {
      if (this.#stands !== "under way") return;
      if (this.#behind(metadata) > 0 && performance.now() - this.#began < CATCH_UP_LIMIT_MS) {
        this.#look();
        return;
      }
      this.#stands = "made";
      this.#video.style.opacity = "";
      this.#options.ready(this.#connection, this.#video);
    });
  }

  /** How far its picture is behind the one on the screen, ms. */
  #behind(metadata: VideoFrameCallbackMetadata): number {
    const mark = this.#connection.mark(metadata);
    const stamp = this.#connection.stamp();
    const [shownStamp, shownMark] = this.#options.shown();
    if (stamp === undefined) return Infinity;
    if (shownStamp === undefined || shownMark === undefined) return 0;
    const behind = capturedAt(shownStamp, shownMark) - capturedAt(stamp, mark);
    if (behind > 0 && behind < NEARLY_MS && !this.#held) {
      this.#held = true;
      this.#options.hold(true);
    }
    return behind;
  }
}
