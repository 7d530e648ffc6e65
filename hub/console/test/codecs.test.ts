import assert from "node:assert/strict";
import test from "node:test";
import { audible, decodable } from "../src/player/codecs.ts";
import { resource } from "../src/player/hls.ts";
import { hearing } from "../src/views/tile_sound.ts";
import { problemIn } from "../src/player/problem.ts";

const asked = (rtp: readonly string[], mp4: readonly string[]): string[] =>
  decodable({ rtp: (type) => rtp.includes(type), mp4: (type) => mp4.some((name) => type.includes(name)) });

test("what both ways decode is told bare, what one does with its name", () => {
  const chromium = asked(["video/H264", "audio/opus", "audio/PCMU", "audio/PCMA"], ["avc1", "opus", "mp4a.40.2"]);
  assert.deepEqual(chromium, ["h264", "opus", "mse:aac", "webrtc:pcmu", "webrtc:pcma"]);
  const hardware = asked(["video/H264", "video/H265"], ["avc1", "hvc1", "mp4a.40.2"]);
  assert.deepEqual(hardware, ["h264", "h265", "mse:aac"]);
  assert.deepEqual(asked([], ["avc1", "hvc1"]), ["mse:h264", "mse:h265"]);
  assert.deepEqual(asked([], []), []);
});

test("every name that a camera's sound may have is placed", () => {
  for (const name of ["opus", "OPUS", "Opus"]) assert.deepEqual(audible(name), { webrtc: true, hls: true }, name);
  for (const name of ["PCMU", "pcma", "ulaw", "alaw", "G711", "G.711"]) assert.deepEqual(audible(name), { webrtc: true, hls: true }, name);
  for (const name of ["mp4a.40.2", "AAC", "MPEG4-GENERIC", "MP4A-LATM"]) assert.deepEqual(audible(name), { webrtc: false, hls: true }, name);
  assert.deepEqual(audible("G726-32"), { webrtc: false, hls: false });
});

test("a tile says whether its camera can be heard", () => {
  const camera = (codec: string | null, audio: string | null): Parameters<typeof hearing>[0] => ({
    tiers: [{ tier: "sub", codec, audio_codec: audio, b_frames: false, state: "warm", viewers: 0, warm: true, protocols: [] }],
  });
  const by = (protocol: string) => ({ tier: "sub", protocol });
  assert.equal(hearing(camera(null, null), by("webrtc")).kind, "possible");
  assert.equal(hearing(camera("avc1.42c01e", null), by("webrtc")).kind, "none");
  assert.equal(hearing(camera("avc1.42c01e", "pcma"), by("webrtc")).kind, "possible");
  assert.equal(hearing(camera("avc1.42c01e", "pcma"), by("ll-hls")).kind, "possible");
  assert.equal(hearing(camera("avc1.42c01e", "mp4a.40.2"), by("webrtc")).kind, "possible");
  assert.equal(hearing(camera("avc1.42c01e", "G726-32"), by("hls")).kind, "not-here");
});

test("a session over HLS ends where its playlists lie", () => {
  const base = "https://hub:8443/hls/cam_1/sub/index.m3u8?token=x";
  assert.equal(resource("https://hub:8443/hls/s/abc/cam_1/sub/video.m3u8", base), "https://hub:8443/hls/s/abc");
  assert.equal(resource("/media/hls/s/abc/cam_1/sub/video.m3u8", base), "https://hub:8443/media/hls/s/abc");
  assert.equal(resource("https://cdn/elsewhere.m3u8", base), undefined);
  assert.equal(resource(undefined, base), undefined);
});

test("a problem is read where it is one", () => {
  assert.deepEqual(problemIn('{"type":"session-ended","title":"Gone","detail":"it is over"}'), { code: "session-ended", text: "it is over" });
  assert.deepEqual(problemIn('{"title":"Gone"}'), { text: "Gone" });
  assert.deepEqual(problemIn("<html>"), {});
});
