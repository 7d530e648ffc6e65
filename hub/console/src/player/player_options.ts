import type { ServerClock } from "./clock.ts";
import type { PlaySource, ProtocolWish } from "./source.ts";

/** What a player needs. */
export interface PlayerOptions {
  /** The element that shows the picture; the player sets what it plays and whether it is muted (see `replaced`). */
  readonly video: HTMLVideoElement;
  readonly source: PlaySource;
  /** The hub's clock, kept by `keepClock`; one serves all players of a page. */
  readonly clock: ServerClock;
  /** Above this age a picture is late, ms: 2,000 for interactive views. */
  readonly lateAboveMs?: number;
  /** By which protocol to play; `auto` if absent. */
  readonly protocol?: ProtocolWish;
  /**
   * Takes the element that shows the picture from now on, which the player has put into the place of the one before: an
   * HLS session goes over to another tier so. Without it such a session keeps its tier.
   */
  readonly replaced?: (video: HTMLVideoElement) => void;
  /** The codec of a tier's sound as cameras' answers name it, where it is known. */
  readonly audioCodec?: (tier: string) => string | undefined;
}
