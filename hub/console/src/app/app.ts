import type { Api } from "../api/client.ts";
import type { Me } from "../api/types.ts";
import type { ServerClock } from "../player/clock.ts";
import type { HubSessions } from "../player/hub_sessions.ts";
import { Signal } from "../player/signal.ts";
import type { CameraEvents } from "./camera_events.ts";
import type { Finds } from "./finds.ts";
import type { HubLink } from "./link.ts";
import type { Posters } from "./posters.ts";
import type { Registry } from "./registry.ts";

/** What the pages share while somebody is signed in. */
export interface App {
  readonly api: Api;
  readonly me: Me;
  readonly registry: Registry;
  readonly finds: Finds;
  readonly cameraEvents: CameraEvents;
  readonly posters: Posters;
  readonly link: HubLink;
  readonly clock: ServerClock;
  readonly sessions: HubSessions;
  /** Cameras this operator wants to see moving; survives a walk to another page. */
  readonly wanted: Signal<ReadonlySet<string>>;
  /** The last session that was ended by somebody else's hand. */
  readonly revoked: Signal<Revoked | undefined>;
  /** The last session whose tier the hub spoke of. */
  readonly retiered: Signal<Retiered | undefined>;
  /** The one camera that is heard. */
  readonly heard: Signal<string | undefined>;
  /** How loud, 0 to 1. */
  readonly volume: Signal<number>;
  /** Counts the returns of the hub; players take hope from it. */
  readonly returns: Signal<number>;
}

/** In which tier a session is shown from now on, and why. */
export interface Retiered {
  readonly sessionId: string;
  readonly tier: string;
  readonly why: readonly { readonly code: string; readonly text: string }[];
}

/** A session that was ended on purpose, and why. */
export interface Revoked {
  readonly sessionId: string;
  readonly reason: string;
}

/** One page: its element, and its end. */
export interface View {
  readonly element: HTMLElement;
  close(): void;
}

/** Whether this user may change cameras and end others' sessions. The hub decides; this only spares useless buttons. */
export function mayOperate({ user }: Me): boolean {
  return user.role === "operator" || user.role === "admin";
}
