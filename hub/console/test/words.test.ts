import assert from "node:assert/strict";
import test from "node:test";
import type { PlayerState } from "../src/player/machine.ts";
import type { PlaySession } from "../src/player/session.ts";
import { choose, setLanguage, t } from "../src/ui/language.ts";
import { en, ptBR } from "../src/ui/texts.ts";
import { tell, tellCamera, type Scene, type StandingCamera } from "../src/ui/words.ts";

const session: PlaySession = { id: "s", protocol: "webrtc", tier: "sub", url: "u", token: "t", iceServers: [], fallbacks: [], freshUntil: 0, why: [] };
const ready: StandingCamera = { code: "ready", reason: null };
const broken: StandingCamera = { code: "resting", reason: { code: "wrong-password", text: "x" } };
const playing: PlayerState = { kind: "playing", session, since: 0, frameAt: 10_000, lifeAt: 10_000, attempt: 0 };
const scene: Scene = { now: 10_000, player: playing, freshness: { kind: "live", ageMs: 80 }, camera: ready, lastPictureUnixMs: undefined };

test("only a moving picture of known age is called live", () => {
  assert.equal(tell(scene).tone, "live");
  assert.equal(tell({ ...scene, freshness: { kind: "late", ageMs: 4_000 } }).tone, "late");
  assert.equal(tell({ ...scene, freshness: { kind: "unknown" } }).tone, "late");
  const frozen = tell({ ...scene, freshness: { kind: "frozen", stillMs: 4_000 } });
  assert.equal(frozen.tone, "bad");
  assert.equal(frozen.trusted, false);
});

test("every state but a moving picture veils what is in the element", () => {
  const states: PlayerState[] = [
    { kind: "idle" },
    { kind: "asking", ticket: 1, since: 0, attempt: 0 },
    { kind: "connecting", session, since: 0, attempt: 0 },
    { kind: "awaiting", session, since: 0, lifeAt: 0, attempt: 0, until: 1 },
    { kind: "stalled", session, since: 0, lifeAt: 0, attempt: 0, until: 1 },
    { kind: "resting", retryAt: 12_000, since: 0, reason: { code: "no-picture", text: "" }, attempt: 1 },
    { kind: "refused", since: 0, reason: { code: "not-allowed", text: "Not yours" } },
  ];
  for (const player of states) assert.equal(tell({ ...scene, player }).trusted, false, player.kind);
});

test("the camera's own trouble is told before the player's", () => {
  const player: PlayerState = { kind: "resting", retryAt: 12_000, since: 0, reason: { code: "no-picture", text: "" }, attempt: 1 };
  assert.deepEqual(tell({ ...scene, player, camera: broken }).detail, [en["reason.wrong-password"], "Next try in 2 s"]);
});

test("a reason without a text here is told in the hub's words", () => {
  const player: PlayerState = { kind: "refused", since: 0, reason: { code: "not-in-any-dictionary", text: "Because of rain" } };
  assert.deepEqual(tell({ ...scene, player }).detail, ["Because of rain"]);
});

test("a counting word is spoken once", () => {
  const one = tell({ ...scene, freshness: { kind: "frozen", stillMs: 4_000 } });
  const two = tell({ ...scene, freshness: { kind: "frozen", stillMs: 5_000 } });
  assert.notEqual(one.word, two.word);
  assert.equal(one.spoken, two.spoken);
});

test("a camera being opened is not in trouble", () => {
  assert.equal(tellCamera({ code: "opening", reason: { code: "opening", text: "" } }).tone, "wait");
  assert.equal(tellCamera(broken).tone, "bad");
});

test("both dictionaries fill the same blanks", () => {
  const blanks = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([blank]) => blank).sort();
  for (const key of Object.keys(en) as (keyof typeof en)[]) assert.deepEqual(blanks(ptBR[key]), blanks(en[key]), key);
});

test("the browser's first known language is chosen", () => {
  assert.equal(choose(["fr", "pt-PT", "en"]), "pt-BR");
  assert.equal(choose(["de"]), "en");
  setLanguage("pt-BR");
  assert.equal(t("tile.play", { name: "Pátio" }), "Reproduzir Pátio");
  setLanguage("en");
});

test("while the hub does not answer, what it said of the camera before is not told as the reason", () => {
  const resting: PlayerState = { kind: "resting", since: 0, retryAt: 11_000, attempt: 1, reason: { code: "hub-unreachable", text: "x" } };
  const { detail } = tell({ ...scene, player: resting, camera: broken });
  assert.equal(detail[0], t("reason.hub-unreachable"));
});
