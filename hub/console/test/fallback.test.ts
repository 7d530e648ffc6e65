import assert from "node:assert/strict";
import test from "node:test";
import { PlayerMachine, type PlayerInput, type PlayerOutput } from "../src/player/machine.ts";
import { BLOCKED_FOR_MS, httpVersion, NetworkMemory } from "../src/player/network.ts";
import type { PlaySession } from "../src/player/session.ts";

const session: PlaySession = {
  id: "ses_1", protocol: "webrtc", tier: "sub", url: "https://hub/whep", token: "t", iceServers: [], freshUntil: 50_000, why: [],
  fallbacks: [{ protocol: "ll-hls", url: "https://hub/ll", token: "t2" }, { protocol: "hls", url: "https://hub/std", token: "t3" }],
};
const blocked = { code: "webrtc-blocked", text: "blocked" };
const gone = { code: "transport-closed", text: "gone" };
const missing = { code: "decoder-missing", text: "no decoder" };

/** Plays a script: each step an instant and what happened, and answers the orders given. */
class Script {
  readonly machine = new PlayerMachine(() => 0.5);

  at(now: number, ...inputs: readonly PlayerInput[]): PlayerOutput[] {
    for (const input of inputs) this.machine.handle(now, input);
    const orders: PlayerOutput[] = [];
    for (let order = this.machine.poll(); order; order = this.machine.poll()) orders.push(order);
    return orders;
  }

  connecting(granted = session): this {
    this.at(0, { kind: "play-wanted" });
    this.at(20, { kind: "session-granted", ticket: 1, session: granted });
    return this;
  }

  protocol(): string {
    const { state } = this.machine;
    return "session" in state ? state.session.protocol : state.kind;
  }
}

test("a protocol that does not get through is left for the next of the same session, with the reason", () => {
  const script = new Script().connecting();
  const [quiet, connect] = script.at(4_020, { kind: "transport-down", reason: blocked, after: "elsewhere" });
  assert.deepEqual(quiet, { kind: "disconnect", quietly: true });
  assert.ok(connect?.kind === "connect");
  const { protocol, url, token, id, detour, fallbacks } = connect.session;
  assert.deepEqual({ protocol, url, token, id, detour }, { protocol: "ll-hls", url: "https://hub/ll", token: "t2", id: "ses_1", detour: blocked });
  assert.deepEqual(fallbacks.map((way) => way.protocol), ["hls"]);
  script.at(4_030, { kind: "transport-down", reason: missing, after: "elsewhere" });
  assert.equal(script.protocol(), "hls");
});

test("with tokens grown old the session is renewed, and the fresh grant goes by the protocol that is left", () => {
  const script = new Script().connecting({ ...session, freshUntil: 4_000 });
  const orders = script.at(4_020, { kind: "transport-down", reason: blocked, after: "elsewhere" });
  assert.deepEqual(orders.map(({ kind }) => kind), ["disconnect", "renew-session"]);
  script.at(4_100, { kind: "session-granted", ticket: 2, session: { ...session, freshUntil: 60_000 } });
  assert.equal(script.protocol(), "ll-hls");
});

test("what was given up stays so over new sessions, until the viewer stops", () => {
  const script = new Script().connecting();
  script.at(4_020, { kind: "transport-down", reason: blocked, after: "elsewhere" });
  script.at(4_100, { kind: "transport-up" }, { kind: "frame-shown" });
  script.at(9_000, { kind: "transport-down", reason: gone, after: "again" });
  script.at(12_000, { kind: "woke" }, { kind: "session-ended", ticket: 2 }, { kind: "session-granted", ticket: 3, session });
  assert.equal(script.protocol(), "ll-hls");
  script.at(13_000, { kind: "stop-wanted" }, { kind: "play-wanted" }, { kind: "session-granted", ticket: 4, session });
  assert.equal(script.protocol(), "webrtc");
});

test("a connection lost again and again is given up, one lost now and then is not", () => {
  const lose = (script: Script, at: number, ticket: number): void => {
    script.at(at, { kind: "session-granted", ticket, session: { ...session, freshUntil: at + 50_000 } }, { kind: "transport-up" }, { kind: "frame-shown" });
    script.at(at + 1_000, { kind: "transport-down", reason: gone, after: "again" });
    if (script.machine.state.kind === "resting") script.at(at + 12_000, { kind: "woke" });
  };
  const often = new Script();
  often.at(0, { kind: "play-wanted" });
  [0, 20_000, 40_000].forEach((at, index) => { lose(often, at, index + 1); });
  assert.equal(often.protocol(), "ll-hls");
  const seldom = new Script();
  seldom.at(0, { kind: "play-wanted" });
  [0, 100_000, 200_000].forEach((at, index) => { lose(seldom, at, index + 1); });
  assert.equal(seldom.protocol(), "asking");
});

test("where there is no other way, a missing decoder is final and a block is tried again", () => {
  const only = { ...session, fallbacks: [] };
  const undecoded = new Script().connecting(only);
  undecoded.at(100, { kind: "transport-down", reason: missing, after: "elsewhere" });
  assert.equal(undecoded.machine.state.kind, "refused");
  const shut = new Script().connecting(only);
  shut.at(4_020, { kind: "transport-down", reason: blocked, after: "elsewhere" });
  assert.equal(shut.machine.state.kind, "resting");
});

test("another wish ends the session and asks for a new one at once", () => {
  const script = new Script().connecting();
  script.at(80, { kind: "transport-up" }, { kind: "frame-shown" });
  assert.deepEqual(script.at(200, { kind: "wish-changed" }), [{ kind: "disconnect", quietly: false }, { kind: "ask-session", ticket: 2 }]);
  const idle = new Script();
  assert.deepEqual(idle.at(0, { kind: "wish-changed" }), []);
});

test("a blocked network is remembered for the wall, and tried again later", () => {
  const network = new NetworkMemory();
  let told = 0;
  network.whenBlocked(() => { told += 1; });
  assert.equal(network.udp(0), "unknown");
  network.blocked(1_000);
  network.blocked(1_100);
  assert.deepEqual([network.udp(1_200), told], ["blocked", 1]);
  assert.equal(network.udp(1_000 + BLOCKED_FOR_MS), "unknown");
  network.reached(2_000 + BLOCKED_FOR_MS);
  assert.equal(network.udp(2_000 + BLOCKED_FOR_MS), "open");
});

test("while one tile gets through, another that does not proves nothing", () => {
  const network = new NetworkMemory();
  network.reached(0);
  network.blocked(60_000);
  assert.equal(network.udp(60_000), "open");
  network.blocked(130_000);
  assert.equal(network.udp(130_000), "blocked");
  network.forget();
  assert.equal(network.udp(130_001), "unknown");
});

test("what an earlier visit learnt is taken, but not for longer than it may be believed", () => {
  const network = new NetworkMemory();
  const kept: number[] = [];
  network.onBlocked = (until) => { kept.push(until); };
  network.recall(5_000 + 2 * BLOCKED_FOR_MS, 5_000);
  assert.equal(network.udp(5_000), "unknown");
  network.recall(NaN, 5_000);
  network.recall(9_000, 5_000);
  assert.deepEqual([network.udp(6_000), network.udp(9_000)], ["blocked", "unknown"]);
  network.blocked(10_000);
  assert.deepEqual(kept, [10_000 + BLOCKED_FOR_MS]);
});

test("HTTP versions are told by their ALPN names", () => {
  assert.deepEqual(["h2", "h3", "h3-29", "http/1.1", "", undefined].map(httpVersion), ["h2", "h3", "h3", "h1", "unknown", "unknown"]);
});
