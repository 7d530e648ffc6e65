/** How the hub names codecs, and how WebRTC and Media Source Extensions do. Strings of RFC 6381. */
const CODECS: readonly { readonly name: string; readonly rtp?: string; readonly mp4?: string }[] = [
  { name: "h264", rtp: "video/H264", mp4: 'video/mp4; codecs="avc1.42E01E"' },
  { name: "h265", rtp: "video/H265", mp4: 'video/mp4; codecs="hvc1.1.6.L93.B0"' },
  { name: "opus", rtp: "audio/opus", mp4: 'audio/mp4; codecs="opus"' },
  { name: "aac", mp4: 'audio/mp4; codecs="mp4a.40.2"' },
  { name: "pcmu", rtp: "audio/PCMU" },
  { name: "pcma", rtp: "audio/PCMA" },
];

/** Two answers of a browser: what it takes by RTP, and what it takes as MP4. */
export interface Abilities {
  readonly rtp: (mimeType: string) => boolean;
  readonly mp4: (type: string) => boolean;
}

/**
 * What can be decoded, in the words of the play API: bare where both ways take it (or where there is only one way to
 * ask), `webrtc:` or `mse:` where only one does. Pure.
 */
export function decodable({ rtp, mp4 }: Abilities): string[] {
  return CODECS.flatMap((codec) => {
    const [byRtp, byMp4] = [codec.rtp !== undefined && rtp(codec.rtp), codec.mp4 !== undefined && mp4(codec.mp4)];
    if (byRtp && byMp4) return [codec.name];
    return byRtp ? [`webrtc:${codec.name}`] : byMp4 ? [`mse:${codec.name}`] : [];
  });
}

/** The constructor of media sources; Safari on a telephone has the managed kind alone. */
export function mediaSource(): Pick<typeof MediaSource, "isTypeSupported"> | undefined {
  const { ManagedMediaSource } = globalThis as { ManagedMediaSource?: typeof MediaSource };
  return (globalThis as { MediaSource?: typeof MediaSource }).MediaSource ?? ManagedMediaSource;
}

let known: readonly string[] | undefined;

/** What this browser decodes. It is asked once a page. */
export function browserCodecs(): readonly string[] {
  known ??= decodable(abilities());
  return known;
}

function abilities(): Abilities {
  const receiver = globalThis.RTCRtpReceiver as typeof RTCRtpReceiver | undefined;
  const kinds = ["video", "audio"].flatMap((kind) => receiver?.getCapabilities(kind)?.codecs ?? []);
  const names = new Set(kinds.map(({ mimeType }) => mimeType.toLowerCase()));
  const source = mediaSource();
  const element = document.createElement("video");
  return {
    rtp: (mimeType) => names.has(mimeType.toLowerCase()),
    // Without media sources the element itself plays HLS, and says what it can.
    mp4: (type) => (source ? source.isTypeSupported(type) : element.canPlayType(type) !== ""),
  };
}

/** Which protocols carry a camera's sound. */
export interface Audible {
  readonly webrtc: boolean;
  readonly hls: boolean;
}

/** Which protocols carry this sound, by the name its codec has in a camera's answer. */
export function audible(codec: string): Audible {
  if (/opus/i.test(codec)) return { webrtc: true, hls: true };
  // HLS carries G.711 as FLAC, which every browser with media sources decodes.
  if (/pcm[ua]|g\.?711|[ua]law/i.test(codec)) return { webrtc: true, hls: true };
  return { webrtc: false, hls: /mp4a|aac|latm|mpeg4-generic/i.test(codec) };
}

/** Whether a new session would carry this codec of sound, which the present one does not. */
export function needsAnother(session: { readonly protocol: string }, codec: string | undefined, wish: string): boolean {
  if (codec === undefined || session.protocol !== "webrtc" || wish !== "auto") return false;
  const { webrtc, hls } = audible(codec);
  return hls && !webrtc;
}
