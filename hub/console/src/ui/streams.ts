/** Codecs as people call them, by the sample entry that an RFC 6381 name begins with, or by the name in RTP and ONVIF. */
const CODECS: Readonly<Record<string, string>> = {
  avc1: "H.264", avc3: "H.264", hvc1: "H.265", hev1: "H.265", H264: "H.264", H265: "H.265", JPEG: "JPEG",
  PCMU: "G.711 µ", PCMA: "G.711 A", "MPEG4-GENERIC": "AAC", "MP4A-LATM": "AAC", OPUS: "Opus", opus: "Opus",
};

export function codecName(codec: string): string {
  return CODECS[codec] ?? CODECS[codec.split(".")[0] ?? ""] ?? codec;
}

/** What may be known of a stream's pictures. */
export interface StreamFacts {
  readonly codec?: string | null;
  readonly width?: number | null;
  readonly height?: number | null;
  readonly fps?: number | null;
  readonly gop_s?: number | null;
  readonly bitrate_kbps?: number | null;
}

/** A stream in a few words; what is not known is left out. */
export function streamWords(facts: StreamFacts): readonly string[] {
  const { codec, width, height, fps, gop_s: gop, bitrate_kbps: rate } = facts;
  return [
    codec ? codecName(codec) : "",
    width && height ? `${width}×${height}` : "",
    fps ? `${Math.round(fps)} fps` : "",
    gop ? `GOP ${Number(gop.toFixed(1))} s` : "",
    rate ? bitRate(rate) : "",
  ].filter((part) => part !== "");
}

/** The same in one line, which breaks between its parts alone. */
export function streamLine(facts: StreamFacts): string {
  return streamWords(facts).map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");
}

/** Bits a second as people say them. */
export function bitRate(kbps: number): string {
  return kbps >= 1_000 ? `${Number((kbps / 1_000).toFixed(1))} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}
