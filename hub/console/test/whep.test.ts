import assert from "node:assert/strict";
import test from "node:test";
import { fragment, inStep } from "../src/player/whep.ts";

test("a trickle fragment names the session, the m-line and its candidates", () => {
  const sdp = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\na=mid:0\r\n";
  const text = fragment(sdp, [{ candidate: "candidate:1 1 udp 1 127.0.0.1 5000 typ host", sdpMid: "0" }]);
  assert.equal(text, "a=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\n");
});

test("sound and picture of an answer come to be of one stream", () => {
  const answer = "m=video 9 X 96\r\na=msid:one picture\r\na=ssrc:1 cname:x\r\na=ssrc:1 msid:one picture\r\nm=audio 9 X 0\r\na=msid:two sound\r\na=ssrc:2 msid:two sound\r\n";
  assert.equal(inStep(answer), answer.replaceAll("two sound", "one sound"));
  const without = "m=video 9 X 96\r\na=msid:- picture\r\n";
  assert.equal(inStep(without), without);
  assert.equal(inStep("m=video 9 X 96\r\n"), "m=video 9 X 96\r\n");
});
