import type { Beacon, Granted, Play, PlayViewer, Problem as ApiProblem, SessionIds } from "../api/schema.ts";
import { browserCodecs } from "./codecs.ts";
import { httpTo, NetworkMemory } from "./network.ts";
import type { PlaySession, Reason } from "./session.ts";
import type { Showing } from "./showing.ts";
import type { Grant, Need, PlaySource } from "./source.ts";

/** How to speak to a hub. */
export interface HubOptions {
  /** Where the hub is, e.g. `https://hub.example:8443`; empty for the page's own origin. */
  readonly base: string;
  /** Headers for each call: `authorization: Bearer <viewer token>`, or the console's CSRF header. */
  readonly headers: () => Record<string, string>;
  /** What is known of the network; one of its own if absent. */
  readonly network?: NetworkMemory;
}

/** What one tile asks for. */
export interface Wish {
  readonly cameraId: string;
  /** Size of the tile in device pixels; the hub chooses the tier by it. */
  readonly size: () => { readonly width: number; readonly height: number };
  readonly tier?: "auto" | "main" | "sub";
}

/** One item of a play or renew answer: a grant, or a problem in its place. */
type Item = Partial<Granted> & { readonly problem?: Problem };

/** As much of a problem as an answer from anywhere can be relied on to have. */
type Problem = Partial<ApiProblem>;

interface Waiting {
  readonly wish: Wish;
  readonly need: Need;
  readonly answer: (grant: Grant) => void;
}

const MOST_CAMERAS_A_CALL = 100;
const CALL_LIMIT_MS = 10_000;
/** Tiles that change in one instant, as when a wall is laid out anew, are told in one call, ms. */
const GATHERED_MS = 20;
/** Tokens open for 60 s after the grant; this leaves room for their way to the node. In ms. */
const FRESH_FOR_MS = 50_000;

/**
 * Sessions from a hub's API. Wishes of one instant travel as one `POST /play` (those with sound as another), so that a
 * wall starts as one decision. What one player learns of the network serves all that come after it.
 */
export class HubSessions {
  readonly #options: HubOptions;
  readonly #network: NetworkMemory;
  #waiting: Waiting[] = [];
  #showings = new Map<string, Showing>();
  #renewing: { readonly session: PlaySession; readonly need: Need; readonly answer: (grant: Grant) => void }[] = [];

  constructor(options: HubOptions) {
    this.#options = options;
    this.#network = options.network ?? new NetworkMemory();
  }

  /** The source for one tile's player. */
  source(wish: Wish): PlaySource {
    return {
      open: (need) => new Promise((answer) => {
        this.#waiting.push({ wish, need, answer });
        if (this.#waiting.length === 1) queueMicrotask(() => void this.#play());
      }),
      renew: (session, need) => new Promise((answer) => {
        this.#renewing.push({ session, need, answer });
        if (this.#renewing.length === 1) queueMicrotask(() => void this.#renew());
      }),
      measured: (session, measure) => {
        const body: Beacon = { startup_time_ms: Math.round(measure.startupMs), latency_ms: Math.round(measure.latencyMs) };
        this.#send(`/sessions/${session.id}/qoe`, body);
      },
      shown: (session, showing) => {
        if (this.#showings.size === 0) setTimeout(() => { this.#tellShowings(); }, GATHERED_MS);
        this.#showings.set(session.id, showing);
      },
      release: (session) => {
        this.#send("/sessions/close", { session_ids: [session.id] });
      },
      learned: (webrtc) => { this.#network[webrtc](performance.now()); },
      whenBlocked: (watcher) => this.#network.whenBlocked(watcher),
    };
  }

  #tellShowings(): void {
    const sessions = [...this.#showings].map(([id, { width, height, ...rest }]) => ({ id, tile: { width, height }, ...rest }));
    this.#showings.clear();
    for (let at = 0; at < sessions.length; at += MOST_CAMERAS_A_CALL) {
      this.#send("/sessions", { sessions: sessions.slice(at, at + MOST_CAMERAS_A_CALL) }, "PATCH");
    }
  }

  async #play(): Promise<void> {
    const all = this.#waiting;
    this.#waiting = [];
    const batches = [true, false].flatMap((audio) => chunks(all.filter(({ need }) => need.audio === audio)));
    await Promise.all(batches.map((batch) => this.#playBatch(batch)));
  }

  async #playBatch(batch: readonly Waiting[]): Promise<void> {
    const cameras = batch.map(({ wish, need }) => ({
      id: wish.cameraId,
      tile: wish.size(),
      latency_class: "interactive",
      protocol: need.protocol,
      tier: wish.tier ?? "auto",
    }));
    const asked: Play = { cameras, viewer: this.#viewer(batch[0]?.need.audio === true) };
    const grants = await this.#call("/play", asked, batch.map(({ need }) => need));
    batch.forEach(({ answer }, at) => { answer(grants(at)); });
  }

  /** What this browser can do, and what is known of its network. */
  #viewer(audio: boolean): PlayViewer {
    const http = httpTo(this.#options.base === "" ? location.origin : new URL(this.#options.base).origin);
    const viewer = { codecs: browserCodecs(), network: { udp: this.#network.udp(performance.now()), http }, ...(audio && { audio }) };
    return viewer;
  }

  async #renew(): Promise<void> {
    const batch = this.#renewing;
    this.#renewing = [];
    const asked: SessionIds = { session_ids: batch.map(({ session }) => session.id) };
    const grants = await this.#call("/sessions/renew", asked, batch.map(({ need }) => need));
    batch.forEach(({ answer }, at) => { answer(grants(at)); });
  }

  /** Answers a function from position to grant; it never rejects. */
  async #call(path: string, body: unknown, needs: readonly Need[]): Promise<(at: number) => Grant> {
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(this.#url(path), {
        method: "POST",
        headers: { "content-type": "application/json", ...this.#options.headers() },
        body: JSON.stringify(body),
        credentials: "same-origin",
        signal: AbortSignal.timeout(CALL_LIMIT_MS),
      });
      answer = await response.json().catch(() => undefined);
    } catch {
      return () => ({ kind: "refused", reason: { code: "hub-unreachable", text: "The hub does not answer" }, final: false });
    }
    if (!response.ok) {
      const grant = refusal({ ...(isRecord(answer) ? answer : {}), status: response.status });
      return () => grant;
    }
    const items = isRecord(answer) && Array.isArray(answer.items) ? (answer.items as readonly Item[]) : [];
    if (items.length !== needs.length) {
      return () => ({ kind: "refused", reason: { code: "bad-answer", text: "The hub's answer was not understood" }, final: false });
    }
    return (at) => toGrant(items[at], needs[at]);
  }

  /** Tells the hub something that needs no answer, even while the page is being left. */
  #send(path: string, body: unknown, method = "POST"): void {
    void fetch(this.#url(path), {
      method,
      headers: { "content-type": "application/json", ...this.#options.headers() },
      body: JSON.stringify(body),
      credentials: "same-origin",
      keepalive: true,
    }).catch(() => undefined);
  }

  #url(path: string): string {
    return `${this.#options.base}/api/v1${path}`;
  }
}

function chunks(waiting: readonly Waiting[]): Waiting[][] {
  const count = Math.ceil(waiting.length / MOST_CAMERAS_A_CALL);
  return Array.from({ length: count }, (_, at) => waiting.slice(at * MOST_CAMERAS_A_CALL, (at + 1) * MOST_CAMERAS_A_CALL));
}

function toGrant(item: Item | undefined, need: Need | undefined): Grant {
  if (item?.problem) return refusal(item.problem);
  if (!item?.session_id || !item.url || !item.token) return refusal({});
  const { session_id: id, url, token } = item;
  return {
    kind: "granted",
    session: {
      id, url, token,
      protocol: item.protocol ?? "webrtc",
      tier: item.tier ?? "",
      iceServers: iceServers(item.ice_servers ?? []),
      // Who insists on a protocol gets no other.
      fallbacks: need?.protocol === "auto" ? (item.fallbacks ?? []) : [],
      freshUntil: performance.now() + FRESH_FOR_MS,
      why: item.why ?? [],
    },
  };
}

/** Without the nulls that the API sends for what a server does not need. */
function iceServers(servers: Granted["ice_servers"]): RTCIceServer[] {
  return servers.map(({ urls, username, credential }) => ({ urls: [...urls], ...(username && { username }), ...(credential && { credential }) }));
}

/** A session that is over: a new one may be asked for. */
const ENDED = 410;
/** Asking again changes nothing until a person or the camera does. */
const FINAL_STATUSES: ReadonlySet<number> = new Set([400, 401, 403, 404, 409, 422]);

function refusal(problem: Problem): Grant {
  const status = problem.status ?? 0;
  if (status === ENDED) return { kind: "ended" };
  const reason: Reason = {
    code: status === 401 ? "signed-out" : (problem.type?.split(/[/#:]/).at(-1) ?? "refused"),
    text: problem.detail ?? problem.title ?? "The hub refused this camera",
  };
  return { kind: "refused", reason, final: FINAL_STATUSES.has(status) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
