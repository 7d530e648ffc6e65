/** Why there is no (fresh) picture: a stable code for dictionaries, and a text in English for those without one. */
export interface Reason {
  readonly code: string;
  readonly text: string;
}

/** A session the hub granted: what is needed to fetch the picture and to tell where it comes from. */
export interface PlaySession {
  readonly id: string;
  readonly protocol: string;
  readonly tier: string;
  readonly url: string;
  readonly token: string;
  readonly iceServers: readonly RTCIceServer[];
  /** Other ways to the same session, best first; empty where the viewer insists on one. */
  readonly fallbacks: readonly Way[];
  /** Until when its tokens open something, ms by the page's monotonic clock. */
  readonly freshUntil: number;
  /** Why the hub decided so. */
  readonly why: readonly Reason[];
  /** Why the player left the protocol that the hub chose. */
  readonly detour?: Reason;
}

/** One protocol's way to a session. */
export interface Way {
  readonly protocol: string;
  readonly url: string;
  readonly token: string;
}
