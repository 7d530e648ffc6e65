import assert from "node:assert/strict";
import { eventually, test } from "../harness/runner.ts";
import type { World } from "../harness/world.ts";

/** What a browser would offer, for those who come no further than the token. */
const OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

/** Asked for at the start, so that it has grown old by the time it is tried. */
let old: Record<string, unknown> | undefined;

export function tokenTests(world: World): void {
  test("a play answer names everything that a player needs", async () => {
    const item = await world.stack.play(world.camera(1));
    old = item;
    for (const key of ["session_id", "protocol", "tier", "node", "url", "token", "expires_at", "ice_servers", "why"]) assert.ok(key in item, `no ${key} in ${JSON.stringify(item)}`);
  });

  test("a missing, a wrong and a foreign token open nothing", async () => {
    const { url, token } = await world.stack.play(world.camera(1)) as { url: string; token: string };
    const { token: other } = await world.stack.play(world.camera(2)) as { token: string };
    assert.equal((await world.stack.offer(url, undefined, OFFER)).status, 401);
    assert.equal((await world.stack.offer(url, `${token.slice(0, -6)}AAAAAA`, OFFER)).status, 401);
    assert.equal((await world.stack.offer(url, world.stack.token, OFFER)).status, 401);
    assert.equal((await world.stack.offer(url, other, OFFER)).status, 403);
  });

  test("a token opens one session, once", async () => {
    const { url, token } = await world.stack.play(world.camera(1)) as { url: string; token: string };
    const console = await world.operator();
    const sdp = await console.page.evaluate(async () => {
      const peer = new RTCPeerConnection();
      peer.addTransceiver("video", { direction: "recvonly" });
      return (await peer.createOffer()).sdp ?? "";
    });
    const first = await world.stack.offer(url, token, sdp);
    assert.equal(first.status, 201, JSON.stringify(first.body));
    const again = await world.stack.offer(url, token, sdp);
    assert.equal(again.status, 401);
    assert.equal(again.body.type, "token-spent");
  });

  test("an unknown camera is 404, at the API and at the node", async () => {
    const unknown = `cam_${"0".repeat(32)}`;
    const item = await world.stack.play(unknown);
    assert.equal((item.problem as { status: number }).status, 404);
    const { url, token } = await world.stack.play(world.camera(1)) as { url: string; token: string };
    assert.equal((await world.stack.offer(url.replace(/\/whep\/.*/, "/whep/nonsense/sub"), token, OFFER)).status, 404);
  });

  test("without a sign-in the API tells nothing", async () => {
    const { status, body } = await world.stack.call("GET", "/cameras", undefined, "nonsense");
    assert.equal(status, 401);
    assert.equal(typeof body.type, "string");
    assert.doesNotMatch(JSON.stringify(body), /Camera 1/);
  });
}

/** To be declared behind the long tests. */
export function expiryTests(world: World): void {
  test("an expired token opens nothing", async () => {
    const { url, token, expires_at: expiresAt } = (old ?? await world.stack.play(world.camera(1))) as { url: string; token: string; expires_at: number | string };
    const due = new Date(expiresAt).getTime();
    await eventually(Math.max(0, due - Date.now()) + 5_000, async () => { assert.ok(Date.now() > due + 1_500, "not expired yet"); });
    const { status, body } = await world.stack.offer(url, token, OFFER);
    assert.equal(status, 401);
    assert.equal(body.type, "token-expired");
  });
}
