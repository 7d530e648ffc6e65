import type { CameraState } from "../api/types.ts";
import { pause } from "../player/clock.ts";
import { Signal, type Readable } from "../player/signal.ts";
import type { Revoked } from "./app.ts";
import type { Registry } from "./registry.ts";

/** How the console hears from its hub. `since` is unix ms by the browser's own clock, for display only. */
export type LinkState = { readonly kind: "live" } | { readonly kind: "polling" } | { readonly kind: "lost"; readonly since: number };

/** Without events the lists are read this often, ms. */
const POLL_EVERY_MS = 3_000;
/** A dead event stream is opened anew this often, ms, jittered; a browser does not retry after a proxy's error page. */
const REOPEN_AFTER_MS = 2_000;
/** With a live event stream the lists are still read this often, ms: an event may have been missed. */
const CONFIRM_EVERY_MS = 30_000;

/** Keeps the registry true: by events while they come, by polling while they do not. */
export class HubLink {
  readonly #registry: Registry;
  readonly #state = new Signal<LinkState>({ kind: "polling" });
  readonly #life = new AbortController();
  readonly #onReturn: () => void;
  readonly #onRevoked: (revoked: Revoked) => void;
  #events: EventSource | undefined;
  #reopenTimer: ReturnType<typeof setTimeout> | undefined;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;

  /** `onReturn` is called whenever the hub answers again after it did not, `onRevoked` for sessions ended on purpose. */
  constructor(registry: Registry, onReturn: () => void, onRevoked: (revoked: Revoked) => void) {
    this.#registry = registry;
    this.#onReturn = onReturn;
    this.#onRevoked = onRevoked;
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
  }

  #open(): void {
    if (this.#life.signal.aborted) return;
    const events = new EventSource("/api/v1/events");
    this.#events = events;
    events.addEventListener("open", () => {
      this.#answered("live");
      this.#soon();
    });
    events.addEventListener("error", () => {
      events.close();
      if (this.#state.get().kind === "live") this.#state.set({ kind: "polling" });
      clearTimeout(this.#reopenTimer);
      this.#reopenTimer = setTimeout(() => { this.#open(); }, REOPEN_AFTER_MS * (0.5 + Math.random()));
    });
    events.addEventListener("camera.state", (event) => {
      const change = parseCameraState(event);
      if (change) this.#registry.cameraChanged(change.id, change.state);
      else this.#soon();
    });
    events.addEventListener("session.ended", (event) => {
      const { session_id: sessionId, reason } = parse(event);
      if (typeof sessionId === "string" && typeof reason === "string" && REVOCATIONS.has(reason)) this.#onRevoked({ sessionId, reason });
    });
    for (const kind of ["device.state", "resync", "registry.changed"]) events.addEventListener(kind, () => { this.#soon(); });
  }

  /** Reads the lists soon; several events in one instant cost one reading. */
  #soon(): void {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => void this.#registry.refresh(), 150);
  }

  async #poll(): Promise<void> {
    const { signal } = this.#life;
    let readAt = -Infinity;
    while (!signal.aborted) {
      const live = this.#state.get().kind === "live";
      if (!live || performance.now() - readAt >= CONFIRM_EVERY_MS) {
        readAt = performance.now();
        if (await this.#registry.refresh()) this.#answered(this.#events?.readyState === EventSource.OPEN ? "live" : "polling");
        else if (this.#state.get().kind !== "lost") this.#state.set({ kind: "lost", since: Date.now() });
      }
      await pause(POLL_EVERY_MS, signal);
    }
  }

  #answered(kind: "live" | "polling"): void {
    const before = this.#state.get().kind;
    if (before === kind) return;
    this.#state.set({ kind });
    if (before === "lost") this.#onReturn();
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

function parseCameraState(event: Event): { id: string; state: CameraState } | undefined {
  const { camera_id: id, state } = parse(event);
  if (typeof id !== "string" || typeof state !== "object" || state === null || !("code" in state)) return undefined;
  return { id, state: state as CameraState };
}
