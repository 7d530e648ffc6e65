import type { FreshnessMessage } from "./freshness.ts";
import type { PlaySession, Reason } from "./session.ts";

/** What is to be done when a connection is over. */
export type After =
  /** The same way again may work. */
  | "again"
  /** This protocol does not work here; another may. */
  | "elsewhere"
  /** Nothing will until a person does something. */
  | "never";

/** How a connection ended. */
export interface End {
  readonly reason: Reason;
  readonly after: After;
}

/** What a connection tells its owner. */
export interface EngineEvents {
  /** The connection takes the element now: who had it before must let it go. */
  taking(): void;
  /** The element has this connection's media. */
  shown(): void;
  /** The node answered, and media may come at any time. */
  up(): void;
  /** The node is there; `media` says that it sent some. */
  life(media: boolean): void;
  /** Over, once. */
  down(end: End): void;
}

/** What a connection is made with. */
export interface Line {
  readonly session: PlaySession;
  readonly video: HTMLVideoElement;
  /** Whether sound is wanted from the start. */
  readonly sound: boolean;
  readonly events: EngineEvents;
}

/** What is decoded. */
export interface Decoded {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** Which instant a picture's mark stands for, and when that was learnt (ms by the page's monotonic clock). */
export interface Stamp extends FreshnessMessage {
  readonly learnedAt: number;
  /** What the one before said. */
  readonly before?: FreshnessMessage | undefined;
}

/** One session's way to the picture: WHEP, LL-HLS or HLS. It ends once, by `close` or by `down`. */
export interface Connection {
  /** What tells one picture from another, in ticks of 90 kHz modulo 2^32. */
  mark(metadata: VideoFrameCallbackMetadata): number;
  /** What is known of the age of marks; undefined is unknown. */
  stamp(): Stamp | undefined;
  /** What is decoded, or undefined where nobody can say. */
  decoded(): Promise<Decoded | undefined>;
  /** Lets sound come, or no more. */
  sound(wanted: boolean): void;
  /**
   * Ends the connection, and the session with it unless `quietly`. The last picture stays in the element until `letGo`.
   */
  close(quietly: boolean): void;
  /** Lets the picture stand while another connection catches up with it, or go on. */
  hold?(held: boolean): void;
  /** Opens a data channel beside the media, where there can be one. */
  channel?(label: string): RTCDataChannel;
  /** Takes this connection's media out of the element. */
  letGo(): void;
}
