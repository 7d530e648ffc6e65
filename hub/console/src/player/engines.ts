import { mediaSource } from "./codecs.ts";
import type { Connection, Line } from "./engine.ts";
import { HlsConnection } from "./hls.ts";
import { NativeHlsConnection } from "./native_hls.ts";
import { WhepConnection, type WhepStart } from "./whep.ts";

/** The engine for a session. hls.js plays wherever there are media sources, for browsers' own HLS is seconds late. */
export function open(line: Line, begun: WhepStart | undefined): Connection {
  if (line.session.protocol === "webrtc") return WhepConnection.of(line, begun);
  begun?.close();
  return mediaSource() ? new HlsConnection(line) : new NativeHlsConnection(line);
}
