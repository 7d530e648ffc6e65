import type { CameraEvent, CameraState } from "../api/types.ts";
import { pause } from "../player/clock.ts";
import { Signal, type Readable } from "../player/signal.ts";
import type { Retiered, Revoked } from "./app.ts";
import type { CameraEvents } from "./camera_events.ts";
import type { Finds } from "./finds.ts";
import type { Registry } from "./registry.ts";

/** How the console hears from its hub. `since` is unix ms by the browser's own clock, for display only. */
export type LinkState = { readonly kind: "live" } | { readonly kind: "polling" } | { readonly kind: "lost"; readonly since: number };

/** Without events the lists are read this often, ms. */
const POLL_EVERY_MS = 3_000;
/** A dead event stream is opened anew this often, ms, jittered; a browser does not retry after a proxy's error page. */
const REOPEN_AFTER_MS = 2_000;
/** With a live event stream the lists are still read this often, ms: an event may have been missed. */
const CONFIRM_EVERY_MS = 30_000;

/** What is kept true by hearing from the hub, and who else wants to know. */
export interface Listeners {
  readonly registry: Registry;
  readonly finds: Finds;
  readonly cameraEvents: CameraEvents;
  /** The hub answers again after it did not. */
  returned(): void;
  /** A session was ended on purpose. */
  revoked(ended: Revoked): void;
  /** A session is shown in another tier, or for another reason in the one it has. */
  retiered(change: Retiered): void;
}

/** Keeps what the pages show true: by events while they come, by polling while they do not. */
export class HubLink {
  readonly #on: Listeners;
  readonly #state = new Signal<LinkState>({ kind: "polling" });
  readonly #life = new AbortController();
  #events: EventSource | undefined;
  #reopenTimer: ReturnType<typeof setTimeout> | undefined;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  #findsTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(listeners: Listeners) {
    this.#on = listeners;
    this.#open();
    void this.#poll();
  }

  get state(): Readable<LinkState> {
    return this.#state;
  }

  close(): void {
    this.#life.abort();
    this.#events?.close();
    clearTimeout(this.#reopenTimer);
    clearTimeout(this.#refreshTimer);
    clearTimeout(this.#findsTimer);
  }

  #open(): void {
    if (this.#life.signal.aborted) return;
    const events = new EventSource("/api/v1/events");
    this.#events = events;
    events.addEventListener("open", () => {
      this.#answered("live");
      this.#soon();
      this.#findsSoon();
    });
    events.addEventListener("error", () => {
      events.close();
      if (this.#state.get().kind === "live") this.#state.set({ kind: "polling" });
      clearTimeout(this.#reopenTimer);
      this.#reopenTimer = setTimeout(() => { this.#open(); }, REOPEN_AFTER_MS * (0.5 + Math.random()));
    });
    events.addEventListener("camera.state", (event) => {
      const change = parseCameraState(event);
      if (change) this.#on.registry.cameraChanged(change.id, change.state);
      else this.#soon();
    });
    events.addEventListener("session.ended", (event) => {
      const { session_id: sessionId, reason } = parse(event);
      if (typeof sessionId === "string" && typeof reason === "string" && REVOCATIONS.has(reason)) this.#on.revoked({ sessionId, reason });
    });
    events.addEventListener("session.tier", (event) => {
      const change = parseRetiered(event);
      if (change) this.#on.retiered(change);
    });
    for (const kind of ["device.state", "resync", "registry.changed"]) events.addEventListener(kind, () => { this.#soon(); });
    for (const kind of ["discoveries.changed", "resync"]) events.addEventListener(kind, () => { this.#findsSoon(); });
    events.addEventListener("camera.event", (event) => {
      const noticed = parseCameraEvent(event);
      if (noticed) this.#on.cameraEvents.add(noticed);
    });
  }

  /** Reads what was found soon; while a search goes on there is news many times a second. */
  #findsSoon(): void {
    this.#findsTimer ??= setTimeout(() => {
      this.#findsTimer = undefined;
      void this.#on.finds.refresh();
    }, this.#on.finds.patienceMs);
  }

  /** Reads the lists soon; several events in one instant cost one reading. */
  #soon(): void {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => void this.#on.registry.refresh(), 150);
  }

  async #poll(): Promise<void> {
    const { signal } = this.#life;
    let readAt = -Infinity;
    while (!signal.aborted) {
      const live = this.#state.get().kind === "live";
      if (!live || performance.now() - readAt >= CONFIRM_EVERY_MS) {
        readAt = performance.now();
        void this.#on.finds.refresh();
        if (await this.#on.registry.refresh()) this.#answered(this.#events?.readyState === EventSource.OPEN ? "live" : "polling");
        else if (this.#state.get().kind !== "lost") this.#state.set({ kind: "lost", since: Date.now() });
      }
      await pause(POLL_EVERY_MS, signal);
    }
  }

  #answered(kind: "live" | "polling"): void {
    const before = this.#state.get().kind;
    if (before === kind) return;
    this.#state.set({ kind });
    if (before === "lost") this.#on.returned();
  }
}

/** Ends that a new session would only get round. */
const REVOCATIONS: ReadonlySet<string> = new Set(["revoked", "credential-revoked", "camera-gone"]);

/** The fields of an event; none of what is not an object. */
function parse(event: Event): Readonly<Record<string, unknown>> {
  if (!(event instanceof MessageEvent) || typeof event.data !== "string") return {};
  try {
    const value: unknown = JSON.parse(event.data);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function parseCameraEvent(event: Event): CameraEvent | undefined {
  const { camera_id, kind, active, source, at } = parse(event);
  if (typeof camera_id !== "string" || typeof kind !== "string" || typeof at !== "number") return undefined;
  return { camera_id, kind, at, active: typeof active === "boolean" ? active : null, source: typeof source === "string" ? source : "" };
}

function parseRetiered(event: Event): Retiered | undefined {
  const { session_id: sessionId, tier, why } = parse(event);
  if (typeof sessionId !== "string" || typeof tier !== "string") return undefined;
  return { sessionId, tier, why: Array.isArray(why) ? (why as Retiered["why"]) : [] };
}

function parseCameraState(event: Event): { id: string; state: CameraState } | undefined {
  const { camera_id: id, state } = parse(event);
  if (typeof id !== "string" || typeof state !== "object" || state === null || !("code" in state)) return undefined;
  return { id, state: state as CameraState };
}
