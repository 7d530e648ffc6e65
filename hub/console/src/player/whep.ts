import type { Connection, Decoded, End, Line, Stamp } from "./engine.ts";
import { parseMessage, type FreshnessMessage } from "./freshness.ts";
import { problemIn } from "./problem.ts";
import type { PlaySession, Reason } from "./session.ts";

/** Candidates that come within this of each other travel in one PATCH, in ms. */
const TRICKLE_BATCH_MS = 30;
/** A network that lets WebRTC through at all does so well within this of the node's answer, ICE-TCP and DTLS included. In ms. */
const ICE_LIMIT_MS = 4_000;
/** A decoder that made no picture of packets that came for this long makes none. In ms. */
const DECODE_LIMIT_MS = 6_000;

/**
 * How long pictures are held at least while there is sound, ms. Shown as they come they are 50 to 75 ms before the sound
 * of the same instant, whose own buffer is longer. Chromium mends only more than 30 ms, over many seconds.
 */
const HELD_FOR_SOUND_MS = 80;

/** How a network that lets no WebRTC through shows. */
export const BLOCKED: End = { reason: { code: "webrtc-blocked", text: "WebRTC does not get through this network" }, after: "elsewhere" };
const UNDECODED: End = { reason: { code: "no-decoder", text: "This browser makes no picture of WebRTC" }, after: "elsewhere" };
const LOST: End = { reason: { code: "media-unreachable", text: "The media node cannot be reached from here" }, after: "again" };
const ENDED: End = { reason: { code: "transport-closed", text: "The media node ended the connection" }, after: "again" };

/**
 * A peer connection with its offer, begun while the hub still decides: the offer and the decision take about as long as
 * each other, and the picture waits for both.
 */
export class WhepStart {
  readonly peer: RTCPeerConnection;
  readonly channel: RTCDataChannel;
  readonly video: RTCRtpTransceiver;
  readonly offered: Promise<string>;

  constructor(iceServers: RTCIceServer[]) {
    this.peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.channel = this.peer.createDataChannel("sluice");
    this.video = this.peer.addTransceiver("video", { direction: "recvonly" });
    this.peer.addTransceiver("audio", { direction: "recvonly" });
    this.offered = this.#offer();
    // Whoever takes it hears of a failure; where nobody does, nobody minds.
    this.offered.catch(() => undefined);
  }

  async #offer(): Promise<string> {
    const offer = await this.peer.createOffer();
    await this.peer.setLocalDescription(offer);
    return offer.sdp ?? "";
  }

  close(): void {
    this.peer.close();
  }
}

/**
 * One WHEP session (draft-ietf-wish-whep, trickle as in RFC 9725): one peer connection, one resource at the node.
 * Sound is always offered, and sent only once it is asked for over the data channel: a browser delays pictures to sound.
 */
export class WhepConnection implements Connection {
  readonly #peer: RTCPeerConnection;
  readonly #session: PlaySession;
  readonly #line: Line;
  readonly #abort = new AbortController();
  readonly #channel: RTCDataChannel;
  readonly #media = new MediaStream();
  #audio: MediaStreamTrack | undefined;
  #sound: boolean;
  #resource: string | undefined;
  #etag: string | undefined;
  #candidates: RTCIceCandidate[] = [];
  #trickleTimer: ReturnType<typeof setTimeout> | undefined;
  #iceTimer: ReturnType<typeof setTimeout> | undefined;
  #stamp: Stamp | undefined;
  #told: FreshnessMessage | undefined;
  #packets = 0;
  #packetsSince: number | undefined;
  #connected = false;
  #closed = false;

  constructor(line: Line, start: WhepStart) {
    this.#line = line;
    this.#session = line.session;
    this.#sound = line.sound;
    this.#peer = start.peer;
    this.#channel = start.channel;
    this.#listen(start.video);
    void this.#negotiate(start.offered);
  }

  /** The connection of a session, with what was begun for it, unless servers named since then must take part. */
  static of(line: Line, begun: WhepStart | undefined): WhepConnection {
    const iceServers = [...line.session.iceServers];
    if (begun !== undefined && iceServers.length === 0) return new WhepConnection(line, begun);
    begun?.close();
    return new WhepConnection(line, new WhepStart(iceServers));
  }

  mark(metadata: VideoFrameCallbackMetadata): number {
    // Without RTP timestamps (an older browser) the media time at least tells one picture from another, if not its age.
    if (metadata.rtpTimestamp === undefined) this.#stamp = undefined;
    return metadata.rtpTimestamp ?? Math.round(metadata.mediaTime * 90_000) >>> 0;
  }

  stamp(): Stamp | undefined {
    return this.#stamp;
  }

  async decoded(): Promise<Decoded | undefined> {
    let decoded: Decoded | undefined;
    (await this.#peer.getStats()).forEach((entry: RTCStats) => {
      const inbound = entry as RTCInboundRtpStreamStats;
      if (entry.type !== "inbound-rtp" || inbound.kind !== "video") return;
      decoded = { frames: inbound.framesDecoded ?? 0, width: inbound.frameWidth ?? 0, height: inbound.frameHeight ?? 0, fps: inbound.framesPerSecond ?? 0 };
      const packets = inbound.packetsReceived ?? 0;
      // The node is silent on the data channel while pictures come, decoded or not.
      if (packets > this.#packets) this.#line.events.life(false);
      this.#packets = packets;
      if (decoded.frames > 0 || packets === 0) return;
      this.#packetsSince ??= performance.now();
      if (performance.now() - this.#packetsSince > DECODE_LIMIT_MS) this.#down(UNDECODED);
    });
    return decoded;
  }

  sound(wanted: boolean): void {
    this.#sound = wanted;
    this.#tellSound();
  }

  /** Ends the session at both ends, the node's too unless `quietly`. The DELETE outlives the page. */
  close(quietly: boolean): void {
    this.#end(!quietly);
  }

  channel(label: string): RTCDataChannel {
    return this.#peer.createDataChannel(label);
  }

  letGo(): void {
    if (this.#line.video.srcObject === this.#media) this.#line.video.srcObject = null;
  }

  /** Ends this end; the other is told unless it ended the session itself. */
  #end(tell: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#trickleTimer);
    clearTimeout(this.#iceTimer);
    this.#peer.close();
    if (this.#resource === undefined) {
      // The answer is still under way: the abort lets the node see a client that left.
      this.#abort.abort();
      return;
    }
    if (tell) void fetch(this.#resource, { method: "DELETE", keepalive: true, credentials: "omit" }).catch(() => undefined);
  }

  #listen(transceiver: RTCRtpTransceiver): void {
    const peer = this.#peer;
    this.#channel.addEventListener("open", () => { this.#tellSound(); });
    this.#channel.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (typeof event.data !== "string") return;
      const message = parseMessage(event.data);
      if (message) {
        this.#stamp = { ...message, learnedAt: performance.now(), before: this.#told };
        this.#told = message;
      }
      this.#line.events.life(false);
    });
    peer.addEventListener("track", ({ track }) => { this.#tracked(track); });
    peer.addEventListener("icecandidate", (event) => {
      this.#gathered(event.candidate);
    });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "connected") this.#watchTransport(transceiver);
      if (peer.connectionState === "failed") this.#down(this.#connected ? LOST : BLOCKED);
    });
  }

  #tracked(track: MediaStreamTrack): void {
    if (this.#closed) return;
    if (track.kind === "audio") {
      this.#audio = track;
      this.#tellSound();
      return;
    }
    this.#media.addTrack(track);
    this.#line.events.taking();
    this.#line.video.srcObject = this.#media;
    this.#line.events.shown();
  }

  /** The element gets the sound's track only while it is wanted: it would wait for a silent one. */
  #tellSound(): void {
    if (this.#audio && this.#sound) this.#media.addTrack(this.#audio);
    if (this.#audio && !this.#sound) this.#media.removeTrack(this.#audio);
    for (const receiver of this.#peer.getReceivers()) {
      if (receiver.track.kind === "video") receiver.jitterBufferTarget = this.#sound ? HELD_FOR_SOUND_MS : null;
    }
    if (this.#channel.readyState === "open") this.#channel.send(JSON.stringify({ audio: this.#sound }));
  }

  /** DTLS says `closed` within milliseconds of the other end's leaving; `connectionState` takes 6 s and more. */
  #watchTransport(transceiver: RTCRtpTransceiver): void {
    clearTimeout(this.#iceTimer);
    this.#connected = true;
    this.#line.events.up();
    const transport = transceiver.receiver.transport;
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed" || transport.state === "failed") this.#down(ENDED, false);
    });
  }

  async #negotiate(offered: Promise<string>): Promise<void> {
    try {
      const offer = await offered;
      const response = await fetch(this.#session.url, {
        method: "POST",
        headers: { "content-type": "application/sdp", authorization: `Bearer ${this.#session.token}` },
        body: offer,
        credentials: "omit",
        signal: this.#abort.signal,
      });
      if (!response.ok) {
        this.#down(await rejection(response));
        return;
      }
      await this.#answered(response);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#down({ reason: failure(error), after: "again" });
    }
  }

  async #answered(response: Response): Promise<void> {
    const location = response.headers.get("location");
    if (location !== null) this.#resource = new URL(location, response.url || this.#session.url).href;
    this.#etag = response.headers.get("etag") ?? undefined;
    const sdp = await response.text();
    if (this.#closed) return;
    await this.#peer.setRemoteDescription({ type: "answer", sdp: inStep(sdp) });
    this.#iceTimer = setTimeout(() => { this.#down(BLOCKED); }, ICE_LIMIT_MS);
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

  /** Another way to the same session would find it ended if the node were told of an end. */
  #down(end: End, tell = end.after !== "elsewhere"): void {
    if (this.#closed) return;
    this.#end(tell);
    this.#line.events.down(end);
  }
}

/**
 * An answer whose tracks belong to one stream, whatever streams it names: only tracks of one stream (RFC 8830) are kept
 * in step by browsers, and sound and picture here always are of one camera.
 */
export function inStep(sdp: string): string {
  const stream = /^a=msid:(\S+)/m.exec(sdp)?.[1];
  if (stream === undefined) return sdp;
  return sdp.replace(/^(a=(?:ssrc:\d+ )?msid:)(?!-)\S+/gm, (_whole, head: string) => head + stream);
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

/** The codec or the offer itself is the trouble: a new session would meet the same answer, another protocol may not. */
const UNFIT_STATUSES: ReadonlySet<number> = new Set([406, 415, 422]);

async function rejection(response: Response): Promise<End> {
  const { status } = response;
  const told = problemIn(await response.text().catch(() => ""));
  if (UNFIT_STATUSES.has(status)) {
    return { after: "elsewhere", reason: { code: told.code ?? "decoder-missing", text: told.text ?? "This browser cannot show this camera's video" } };
  }
  if (status === 401 || status === 403) return { after: "again", reason: { code: "token-refused", text: told.text ?? "The media node did not accept the session" } };
  return { after: "again", reason: { code: told.code ?? "media-refused", text: told.text ?? `The media node answered ${status}` } };
}

function failure(error: unknown): Reason {
  if (error instanceof TypeError) return LOST.reason;
  return { code: "media-refused", text: error instanceof Error ? error.message : String(error) };
}
