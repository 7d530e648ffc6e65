import assert from "node:assert/strict";
import test from "node:test";
import type { Result } from "../src/api/client.ts";
import type { Move } from "../src/api/types.ts";
import { PtzLine, type ControlChannel } from "../src/app/ptz_line.ts";

/** A channel that is opened, answered and closed by hand. */
class Channel extends EventTarget {
  readyState: RTCDataChannelState = "connecting";
  readonly sent: { id: number; ptz: Move }[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text) as { id: number; ptz: Move });
  }

  close(): void {
    this.readyState = "closing";
  }

  answer(value: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data: typeof value === "string" ? value : JSON.stringify(value) }));
  }
}

/** A line with the channels it opened and the moves that went by the API. */
function rig(...channels: Channel[]): { line: PtzLine; posted: Move[] } {
  const posted: Move[] = [];
  const post = (move: Move): Promise<Result<unknown>> => {
    posted.push(move);
    return Promise.resolve({ ok: true, value: "by the API" });
  };
  const line = new PtzLine(() => channels.shift() as unknown as ControlChannel | undefined, post);
  line.prepare();
  return { line, posted };
}

const left: Move = { continuous: { pan: -0.5, tilt: 0, zoom: 0, for_ms: 1_000 } };
const stop: Move = { stop: true };

test("moves go over the connection once it has a channel, by the API until then and where it has none", async () => {
  const channel = new Channel();
  const { line, posted } = rig(channel);
  assert.deepEqual(await line.send(left), { ok: true, value: "by the API" });
  channel.readyState = "open";
  const moved = line.send(left);
  const stopped = line.send(stop);
  assert.deepEqual(channel.sent, [{ id: 1, ptz: left }, { id: 2, ptz: stop }]);
  channel.answer("no JSON");
  channel.answer({ id: null, problem: {} });
  channel.answer({ id: 2, ok: true });
  channel.answer({ id: 1, problem: { type: "device-offline", title: "Conflict", status: 409, detail: "it is away" } });
  assert.equal((await stopped).ok, true);
  const refused = await moved;
  assert.ok(!refused.ok && refused.problem.detail === "it is away");
  assert.deepEqual(posted, [left]);
  const none = rig();
  await none.line.send(stop);
  assert.deepEqual(none.posted, [stop]);
});

test("what a closing channel does not take goes by the API, and nobody waits for a line that is closed", async () => {
  const channel = new Channel();
  const { line, posted } = rig(channel);
  channel.readyState = "open";
  channel.send = () => { throw new DOMException("full", "OperationError"); };
  assert.deepEqual(await line.send(left), { ok: true, value: "by the API" });
  channel.send = () => undefined;
  const [moving, stopping] = [line.send(left), line.send(stop)];
  line.close();
  assert.equal(channel.readyState, "closing");
  assert.ok((await moving).ok && (await stopping).ok);
  assert.deepEqual(posted, [left, stop]);
});

test("a move whose place a later one took is no trouble", async () => {
  const channel = new Channel();
  const { line } = rig(channel);
  channel.readyState = "open";
  const moved = line.send(left);
  channel.answer({ id: 1, problem: { type: "superseded", title: "Conflict", status: 409 } });
  assert.equal((await moved).ok, true);
});

test("a stop that was under way when the connection broke goes by the API, and the next connection is used", async () => {
  const [first, second] = [new Channel(), new Channel()];
  const { line, posted } = rig(first, second);
  first.readyState = "open";
  const [moved, stopped] = [line.send(left), line.send(stop)];
  // A page's own close tells its channels nothing.
  first.readyState = "closed";
  line.prepare();
  assert.deepEqual([await moved, await stopped].map(({ ok }) => ok), [true, true]);
  assert.deepEqual(posted, [stop]);
  second.readyState = "open";
  void line.send(left);
  assert.equal(second.sent.length, 1);
  second.answer({ id: 3, ok: true });
});
