import assert from "node:assert/strict";
import test from "node:test";
import { PlayerMachine, type PlayerInput, type PlayerOutput } from "../src/player/machine.ts";
import type { PlaySession } from "../src/player/session.ts";

const session: PlaySession = { id: "ses_1", protocol: "webrtc", tier: "sub", url: "https://hub/whep", token: "t", iceServers: [], fallbacks: [], freshUntil: 50_000, why: [] };
const ways = [{ protocol: "ll-hls", url: "https://hub/hls", token: "t2" }, { protocol: "hls", url: "https://hub/hls", token: "t3" }];
const gone = { code: "transport-closed", text: "gone" };

/** Plays a script: each step an instant and what happened, and answers the orders given. */
class Script {
  readonly machine = new PlayerMachine(() => 0.5);
  now = 0;

  at(now: number, ...inputs: readonly PlayerInput[]): PlayerOutput[] {
    this.now = now;
    for (const input of inputs) this.machine.handle(now, input);
    const orders: PlayerOutput[] = [];
    for (let order = this.machine.poll(); order; order = this.machine.poll()) orders.push(order);
    return orders;
  }

  /** To the first picture at 100 ms. */
  playing(): this {
    this.at(0, { kind: "play-wanted" });
    this.at(20, { kind: "session-granted", ticket: 1, session });
    this.at(80, { kind: "transport-up" });
    this.at(100, { kind: "frame-shown" });
    return this;
  }

  /** Lets time run to the deadline. */
  wake(): PlayerOutput[] {
    const due = this.machine.deadline();
    assert.ok(due !== undefined, "there is a deadline");
    return this.at(due, { kind: "woke" });
  }
}

const kinds = (orders: readonly PlayerOutput[]): string[] => orders.map(({ kind }) => kind);

test("a player asks, connects, waits and plays", () => {
  const script = new Script();
  assert.deepEqual(script.at(0, { kind: "play-wanted" }), [{ kind: "ask-session", ticket: 1 }]);
  assert.deepEqual(script.at(20, { kind: "session-granted", ticket: 1, session }), [{ kind: "connect", session }]);
  script.at(80, { kind: "transport-up" });
  assert.equal(script.machine.state.kind, "awaiting");
  script.at(100, { kind: "frame-shown" });
  assert.equal(script.machine.state.kind, "playing");
});

test("stopping ends the session: at the node where it is connected, at the hub where it is not", () => {
  assert.deepEqual(kinds(new Script().playing().at(200, { kind: "stop-wanted" })), ["disconnect"]);
  const connecting = new Script();
  connecting.at(0, { kind: "play-wanted" });
  connecting.at(20, { kind: "session-granted", ticket: 1, session });
  assert.deepEqual(kinds(connecting.at(30, { kind: "stop-wanted" })), ["disconnect", "release-session"]);
  const resting = new Script().playing();
  resting.at(1_000, { kind: "transport-down", reason: gone, after: "again" });
  assert.deepEqual(kinds(resting.at(1_100, { kind: "stop-wanted" })), ["release-session"]);
});

test("a session granted after the stop is given back and not used", () => {
  const script = new Script();
  script.at(0, { kind: "play-wanted" }, { kind: "stop-wanted" });
  assert.deepEqual(kinds(script.at(50, { kind: "session-granted", ticket: 1, session })), ["release-session"]);
  assert.equal(script.machine.state.kind, "idle");
});

test("a closed transport leads to a renewal after a short wait", () => {
  const script = new Script().playing();
  assert.deepEqual(kinds(script.at(1_000, { kind: "transport-down", reason: gone, after: "again" })), ["disconnect"]);
  assert.equal(script.machine.state.kind, "resting");
  assert.ok((script.machine.deadline() ?? Infinity) <= 1_500);
  assert.deepEqual(kinds(script.wake()), ["renew-session"]);
});

test("a session that ended at the hub is asked for anew at once", () => {
  const script = new Script().playing();
  script.at(1_000, { kind: "transport-down", reason: gone, after: "again" });
  script.wake();
  assert.deepEqual(kinds(script.at(2_000, { kind: "session-ended", ticket: 2 })), ["ask-session"]);
});

test("no pictures but a living node: the session stays, and the state says stalled since the last picture", () => {
  const script = new Script().playing();
  script.at(1_500, { kind: "life-seen" });
  assert.deepEqual(script.wake(), []);
  const { state } = script.machine;
  assert.deepEqual(state, { kind: "stalled", session, since: 100, lifeAt: 1_500, attempt: 0, until: 32_100 });
  script.at(3_000, { kind: "frame-shown" });
  assert.equal(script.machine.state.kind, "playing");
});

test("no pictures and no sign of life: a new session after the stall", () => {
  const script = new Script().playing();
  assert.deepEqual(script.at(2_099, { kind: "woke" }), []);
  script.wake();
  assert.deepEqual(kinds(script.wake()), ["disconnect"]);
  assert.ok(script.now <= 2_700, `found out at ${script.now}`);
});

test("a held session without pictures is replaced at last, and sooner when there is hope", () => {
  const script = new Script().playing();
  for (let now = 1_000; now <= 5_000; now += 1_000) script.at(now, { kind: "life-seen" }, { kind: "woke" });
  assert.equal(script.machine.state.kind, "stalled");
  script.at(5_100, { kind: "hope-given" });
  script.at(8_000, { kind: "life-seen" }, { kind: "woke" });
  assert.equal(script.machine.state.kind, "stalled");
  assert.deepEqual(kinds(script.at(8_100, { kind: "woke" })), ["disconnect"]);
});

test("waits grow with each failure and are forgiven only by a picture that stands", () => {
  const script = new Script();
  script.at(0, { kind: "play-wanted" });
  const waits: number[] = [];
  for (let ticket = 1; ticket <= 8; ticket += 1) {
    script.at(script.now, { kind: "session-refused", ticket, reason: gone, final: false });
    waits.push((script.machine.deadline() ?? NaN) - script.now);
    script.wake();
  }
  assert.deepEqual([...waits].sort((a, b) => a - b), waits);
  assert.ok(Math.max(...waits) <= 10_000);
  script.at(script.now, { kind: "session-granted", ticket: 9, session }, { kind: "transport-up" }, { kind: "frame-shown" });
  const { state } = script.machine;
  assert.equal(state.kind === "playing" && state.attempt, 8);
  script.at(script.now + 5_000, { kind: "frame-shown" });
  const after = script.machine.state;
  assert.equal(after.kind === "playing" && after.attempt, 0);
});

test("a final refusal rests until hope or a wish", () => {
  const script = new Script();
  script.at(0, { kind: "play-wanted" });
  script.at(10, { kind: "session-refused", ticket: 1, reason: gone, final: true });
  assert.equal(script.machine.state.kind, "refused");
  assert.equal(script.machine.deadline(), undefined);
  assert.deepEqual(kinds(script.at(99, { kind: "hope-given" })), ["ask-session"]);
});

test("a revoked session is not replaced, whichever of its end and its transport's is heard first", () => {
  const revoked: PlayerInput = { kind: "session-revoked", sessionId: session.id, reason: { code: "revoked", text: "" } };
  const first = new Script().playing();
  assert.deepEqual(kinds(first.at(1_000, revoked)), ["disconnect"]);
  const second = new Script().playing();
  second.at(1_000, { kind: "transport-down", reason: gone, after: "again" });
  assert.deepEqual(second.at(1_100, revoked), []);
  for (const script of [first, second]) assert.equal(script.machine.state.kind, "refused");
  const other = new Script().playing();
  other.at(1_000, { ...revoked, sessionId: "ses_2" });
  assert.equal(other.machine.state.kind, "playing");
});

test("a node that never answers is given up", () => {
  const script = new Script();
  script.at(0, { kind: "play-wanted" });
  script.at(10, { kind: "session-granted", ticket: 1, session });
  assert.deepEqual(kinds(script.wake()), ["disconnect"]);
  const { state } = script.machine;
  assert.equal(state.kind === "resting" && state.reason.code, "connect-timeout");
});

test("whatever happens in whatever order, orders pair up: never two connections, none left after the stop", () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  for (let round = 0; round < 300; round += 1) {
    const script = new Script();
    const trace: string[] = [];
    let connections = 0;
    let ticket = 0;
    const apply = (orders: readonly PlayerOutput[]): void => {
      for (const order of orders) {
        if (order.kind === "connect") connections += 1;
        if (order.kind === "disconnect") connections -= 1;
        if ("ticket" in order) ticket = order.ticket;
        assert.ok(connections === 0 || connections === 1, trace.join(" "));
      }
    };
    for (let step = 0; step < 60; step += 1) {
      const choices: PlayerInput[] = [
        { kind: "play-wanted" }, { kind: "stop-wanted" }, { kind: "hope-given" }, { kind: "transport-up" }, { kind: "frame-shown" }, { kind: "life-seen" }, { kind: "woke" },
        { kind: "session-granted", ticket, session: random() < 0.5 ? session : { ...session, fallbacks: ways, freshUntil: script.now + 1_000 } }, { kind: "session-refused", ticket, reason: gone, final: random() < 0.2 }, { kind: "session-ended", ticket },
        { kind: "transport-down", reason: gone, after: random() < 0.1 ? "never" : random() < 0.5 ? "again" : "elsewhere" },
        { kind: "wish-changed" },
      ];
      const input = choices[Math.floor(random() * choices.length)];
      assert.ok(input);
      trace.push(input.kind);
      apply(script.at(script.now + random() * 3_000, input));
    }
    apply(script.at(script.now, { kind: "stop-wanted" }));
    assert.equal(connections, 0, trace.join(" "));
    assert.equal(script.machine.state.kind, "idle");
  }
});

const tierOf = ({ machine: { state } }: Script): string | undefined => ("session" in state ? state.session.tier : undefined);
const tier = (name: string): PlayerInput => ({ kind: "tier-changed", sessionId: "ses_1", tier: name, why: [{ code: "tier-by-tile", text: "it fills the tile" }] });

test("by WebRTC a session is shown in another tier without anything to be done", () => {
  const script = new Script().playing();
  assert.deepEqual(script.at(200, tier("main")), []);
  const { state } = script.machine;
  assert.ok(state.kind === "playing" && state.session.tier === "main");
  assert.deepEqual(state.session.why.map(({ code }) => code), ["tier-by-tile"]);
  script.at(300, { kind: "tier-changed", sessionId: "another", tier: "third", why: [] });
  assert.equal(tierOf(script), "main");
});

test("a session that rests is renewed in the tier it was told meanwhile", () => {
  const script = new Script().playing();
  script.at(1_000, { kind: "transport-down", reason: gone, after: "again" });
  script.at(1_100, tier("main"));
  const [order] = script.wake();
  assert.ok(order?.kind === "renew-session" && order.session.tier === "main");
});

test("by HLS a session keeps its tier until the player has moved to the new address", () => {
  const script = new Script();
  const hls = { ...session, protocol: "ll-hls", why: [{ code: "tier-smallest", text: "" }, { code: "udp-blocked", text: "" }] };
  script.at(0, { kind: "play-wanted" });
  script.at(20, { kind: "session-granted", ticket: 1, session: hls }, { kind: "transport-up" }, { kind: "frame-shown" });
  assert.deepEqual(kinds(script.at(200, tier("main"))), ["move-session"]);
  assert.equal(tierOf(script), "sub");
  script.at(900, { kind: "session-moved", session: { ...hls, tier: "main", url: "https://hub/other", why: [] } });
  const { state } = script.machine;
  assert.ok(state.kind === "playing" && state.session.tier === "main" && state.session.url === "https://hub/other");
  assert.deepEqual(state.session.why.map(({ code }) => code), ["udp-blocked", "tier-by-tile"]);
});

test("a hidden page holds its session without pictures for as long as the node is there", () => {
  const script = new Script().playing();
  script.at(200, { kind: "hidden", hidden: true });
  for (let now = 1_000; now <= 120_000; now += 1_000) {
    assert.deepEqual(script.at(now, { kind: "life-seen" }, { kind: "woke" }), []);
  }
  assert.equal(script.machine.state.kind, "stalled");
  script.at(120_500, { kind: "hidden", hidden: false });
  assert.deepEqual(script.at(120_900, { kind: "frame-shown" }), []);
  assert.equal(script.machine.state.kind, "playing");
  const silent = new Script().playing();
  silent.at(200, { kind: "hidden", hidden: true });
  assert.deepEqual(kinds(silent.wake()), []);
  assert.deepEqual(kinds(silent.wake()), ["disconnect"], "its node is gone");
});
