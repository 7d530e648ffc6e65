import type { PlaySession, Reason } from "./machine.ts";

/** What a WHEP connection tells its owner. */
export interface WhepEvents {
  stream(stream: MediaStream): void;
  up(): void;
  /** Over. `final` means that trying again with a new session would end the same way. */
  down(reason: Reason, final: boolean): void;
  /** A text of the data channel `sluice`. */
  message(text: string): void;
}

/** Candidates that come within this of each other travel in one PATCH, in ms. */
const TRICKLE_BATCH_MS = 30;

/**
 * One WHEP session (draft-ietf-wish-whep, trickle as in RFC 9725): one peer connection, one resource at the node.
 * It ends once, by `close()` or by `down`, and cannot be used again.
 */
export class WhepConnection {
  readonly #peer: RTCPeerConnection;
  readonly #session: PlaySession;
  readonly #events: WhepEvents;
  readonly #abort = new AbortController();
  #resource: string | undefined;
  #etag: string | undefined;
  #candidates: RTCIceCandidate[] = [];
  #trickleTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(session: PlaySession, events: WhepEvents) {
    this.#session = session;
    this.#events = events;
    this.#peer = new RTCPeerConnection({ iceServers: [...session.iceServers], bundlePolicy: "max-bundle" });
    this.#listen();
    void this.#negotiate();
  }

  /** The receiver's statistics, for the owner's look at decoded frames. */
  stats(): Promise<RTCStatsReport> {
    return this.#peer.getStats();
  }

  /** Ends the session at both ends. The DELETE outlives the page. */
  close(): void {
    this.#end(true);
  }

  /** Ends this end; the other is told unless it ended the session itself. */
  #end(tell: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#trickleTimer);
    this.#peer.close();
    if (this.#resource === undefined) {
      // The answer is still under way: the abort lets the node see a client that left.
      this.#abort.abort();
      return;
    }
    if (tell) void fetch(this.#resource, { method: "DELETE", keepalive: true, credentials: "omit" }).catch(() => undefined);
  }

  #listen(): void {
    const peer = this.#peer;
    const transceiver = peer.addTransceiver("video", { direction: "recvonly" });
    const channel = peer.createDataChannel("sluice");
    channel.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (typeof event.data === "string") this.#events.message(event.data);
    });
    peer.addEventListener("track", (event) => {
      this.#events.stream(event.streams[0] ?? new MediaStream([event.track]));
    });
    peer.addEventListener("icecandidate", (event) => {
      this.#gathered(event.candidate);
    });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "connected") this.#watchTransport(transceiver);
      if (peer.connectionState === "failed") this.#down({ code: "media-unreachable", text: "The media node cannot be reached from here" });
    });
  }

  /** DTLS says `closed` within milliseconds of the other end's leaving; `connectionState` takes 6 s and more. */
  #watchTransport(transceiver: RTCRtpTransceiver): void {
    this.#events.up();
    const transport = transceiver.receiver.transport;
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed" || transport.state === "failed") {
        this.#down({ code: "transport-closed", text: "The media node ended the connection" }, false, false);
      }
    });
  }

  async #negotiate(): Promise<void> {
    try {
      const offer = await this.#peer.createOffer();
      await this.#peer.setLocalDescription(offer);
      const response = await fetch(this.#session.url, {
        method: "POST",
        headers: { "content-type": "application/sdp", authorization: `Bearer ${this.#session.token}` },
        body: offer.sdp ?? "",
        credentials: "omit",
        signal: this.#abort.signal,
      });
      if (!response.ok) {
        const { reason, final } = await rejection(response);
        this.#down(reason, final);
        return;
      }
      await this.#answered(response);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#down(failure(error));
    }
  }

  async #answered(response: Response): Promise<void> {
    const location = response.headers.get("location");
    if (location !== null) this.#resource = new URL(location, response.url || this.#session.url).href;
    this.#etag = response.headers.get("etag") ?? undefined;
    const sdp = await response.text();
    if (this.#closed) return;
    await this.#peer.setRemoteDescription({ type: "answer", sdp });
    this.#scheduleTrickle();
  }

  #gathered(candidate: RTCIceCandidate | null): void {
    // An mDNS name means nothing to a hub on another network; it learns this end from the checks themselves.
    if (candidate === null || candidate.candidate === "" || / [0-9a-f-]+\.local /i.test(candidate.candidate)) return;
    this.#candidates.push(candidate);
    this.#scheduleTrickle();
  }

  #scheduleTrickle(): void {
    if (this.#resource === undefined || this.#candidates.length === 0 || this.#trickleTimer !== undefined) return;
    this.#trickleTimer = setTimeout(() => {
      this.#trickleTimer = undefined;
      void this.#trickle();
    }, TRICKLE_BATCH_MS);
  }

  async #trickle(): Promise<void> {
    if (this.#closed || this.#resource === undefined) return;
    const batch = this.#candidates.splice(0);
    const body = fragment(this.#peer.localDescription?.sdp ?? "", batch);
    const headers: Record<string, string> = { "content-type": "application/trickle-ice-sdpfrag" };
    if (this.#etag !== undefined) headers["if-match"] = this.#etag;
    // A lost candidate costs a path, not the session: the checks from this end find the node anyway.
    await fetch(this.#resource, { method: "PATCH", headers, body, credentials: "omit", signal: this.#abort.signal }).catch(() => undefined);
  }

  #down(reason: Reason, final = false, tell = true): void {
    if (this.#closed) return;
    this.#end(tell);
    this.#events.down(reason, final);
  }
}

/** The trickle fragment (RFC 8840 §9) for `candidates` of the session described by `sdp`. */
export function fragment(sdp: string, candidates: readonly { readonly candidate: string; readonly sdpMid: string | null }[]): string {
  const lines = sdp.split(/\r?\n/);
  const ufrag = lines.find((line) => line.startsWith("a=ice-ufrag:"));
  const password = lines.find((line) => line.startsWith("a=ice-pwd:"));
  const media = lines.find((line) => line.startsWith("m="));
  const mid = candidates[0]?.sdpMid ?? "0";
  const parts = [ufrag, password, media, `a=mid:${mid}`, ...candidates.map(({ candidate }) => `a=${candidate}`)];
  return parts.filter((line) => line !== undefined).join("\r\n") + "\r\n";
}

/** Statuses after which a new session would meet the same answer: the codec or the offer itself is the trouble. */
const FINAL_STATUSES: ReadonlySet<number> = new Set([406, 415, 422]);

async function rejection(response: Response): Promise<{ reason: Reason; final: boolean }> {
  const { status } = response;
  const told = await problemText(response);
  const final = FINAL_STATUSES.has(status);
  if (final) return { final, reason: { code: told.code ?? "unsupported-codec", text: told.text ?? "This browser cannot show this camera's video" } };
  if (status === 401 || status === 403) return { final, reason: { code: "token-refused", text: told.text ?? "The media node did not accept the session" } };
  return { final, reason: { code: told.code ?? "media-refused", text: told.text ?? `The media node answered ${status}` } };
}

/** Code (last part of the problem's `type`) and words of a problem+json answer, where it is one. */
async function problemText(response: Response): Promise<{ code?: string; text?: string }> {
  if (!(response.headers.get("content-type") ?? "").includes("json")) return {};
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== "object" || body === null) return {};
  const { type, title, detail } = body as Record<string, unknown>;
  const code = typeof type === "string" ? type.split(/[/#:]/).at(-1) : undefined;
  const text = typeof detail === "string" ? detail : title;
  return { ...(code && { code }), ...(typeof text === "string" && { text }) };
}

function failure(error: unknown): Reason {
  if (error instanceof TypeError) return { code: "media-unreachable", text: "The media node cannot be reached from here" };
  return { code: "media-refused", text: error instanceof Error ? error.message : String(error) };
}
