import type { CameraState } from "../api/types.ts";
import type { Freshness } from "../player/freshness.ts";
import type { PlayerState } from "../player/machine.ts";
import type { PlaySession } from "../player/session.ts";
import type { ProtocolWish } from "../player/source.ts";
import { clockTime, reasonText, seconds, t } from "./language.ts";

/** Names of protocols as people read them. */
const PROTOCOLS: Readonly<Record<string, string>> = { webrtc: "WebRTC", "ll-hls": "LL-HLS", hls: "HLS" };

export function protocolName(protocol: string): string {
  return PROTOCOLS[protocol] ?? protocol;
}

/** The hub's reasons that speak for another protocol than WebRTC. */
const OF_PROTOCOL: ReadonlySet<string> = new Set([
  "udp-blocked", "audio-needs-hls", "b-frames-need-hls", "codec-needs-hls", "protocol-by-class", "protocol-pinned", "ll-hls-limit",
]);

/** Why a tile is not played by WebRTC, the usual way, in words; nothing where it is, or where the viewer wished so. */
export function tellRoute(session: PlaySession | undefined, wish: ProtocolWish): string {
  if (session === undefined || session.protocol === "webrtc" || wish !== "auto") return "";
  const reason = session.detour ?? session.why.find(({ code }) => OF_PROTOCOL.has(code));
  return reason ? t("tile.detour", { protocol: protocolName(session.protocol), reason: reasonText(reason) }) : "";
}

/** What the words depend on of a camera's state. */
export type StandingCamera = Pick<CameraState, "code" | "reason">;

/** How a state is coloured; the word beside it says the same. */
export type Tone = "live" | "late" | "bad" | "wait" | "off";

/** What a tile says. Pure words: no element, no clock. */
export interface Telling {
  readonly tone: Tone;
  /** A few words for the eye; they may count seconds. */
  readonly word: string;
  /** The same for a screen reader: it changes only when the state does. */
  readonly spoken: string;
  /** Why, and what happens next; empty where the word is enough. */
  readonly detail: readonly string[];
  /** Whether the picture in the element may be shown as it is. */
  readonly trusted: boolean;
  /** Age of the picture in words, where there is a picture. */
  readonly age?: string;
}

/** All that a telling depends on; instants in ms by the page's monotonic clock. */
export interface Scene {
  readonly now: number;
  readonly player: PlayerState;
  readonly freshness: Freshness;
  readonly camera: StandingCamera | undefined;
  /** When the last picture known was taken, unix ms. */
  readonly lastPictureUnixMs: number | undefined;
}

/** A picture whose age is still unknown after this is one to be wary of, ms. */
const MEASURING_MS = 3_000;

/** A cold camera shows its first picture well within this, ms. */
const PATIENCE_MS = 5_000;

/** The honest words for one tile. */
export function tell(scene: Scene): Telling {
  const { player, now } = scene;
  switch (player.kind) {
    case "idle":
      return said(trouble(scene.camera) ? "bad" : "off", t("state.idle"), cameraReason(scene.camera));
    case "asking":
      return said("wait", t("state.asking"), last(scene));
    case "connecting":
      return said("wait", t("state.connecting"), last(scene));
    case "awaiting":
      return awaiting(scene, now - player.since);
    case "playing":
      return picture(scene);
    case "stalled":
      return frozen(scene, now - player.since);
    case "resting": {
      const wait = Math.max(0, Math.ceil((player.retryAt - now) / 1000));
      // What was known of the camera is old while the hub does not answer.
      const why = player.reason.code === "hub-unreachable" ? [] : cameraReason(scene.camera);
      return said("bad", t("state.retrying"), [...(why.length > 0 ? why : [reasonText(player.reason)]), t("tile.retry", { s: wait }), ...last(scene)]);
    }
    case "refused":
      return said("bad", t("state.refused"), [reasonText(player.reason)]);
  }
}

/** A connection without a picture: ordinary for a moment, after that it is trouble and must look it. */
function awaiting(scene: Scene, waitedMs: number): Telling {
  const why = cameraReason(scene.camera);
  if (why.length === 0 && waitedMs < PATIENCE_MS) return said("wait", t("state.awaiting"), last(scene));
  const detail = why.length > 0 ? why : [t("state.awaiting")];
  return said("bad", t("state.retrying"), [...detail, ...last(scene)]);
}

function picture(scene: Scene): Telling {
  const { freshness, player, now } = scene;
  switch (freshness.kind) {
    case "live":
      return said("live", t("state.live"), [], { trusted: true, age: seconds(freshness.ageMs) });
    case "late":
      return said("late", t("state.late"), [], { trusted: true, age: seconds(freshness.ageMs) });
    case "unknown": {
      // The node tells the age once a second: just after the first picture it is not known yet.
      const measuring = player.kind === "playing" && now - player.since < MEASURING_MS;
      return said(measuring ? "wait" : "late", t(measuring ? "state.measuring" : "state.unknown"), [], { trusted: true, age: "?" });
    }
    case "frozen":
      return frozen(scene, freshness.stillMs);
  }
}

function frozen(scene: Scene, stillMs: number): Telling {
  const { freshness } = scene;
  const age = freshness.kind === "frozen" && freshness.ageMs !== undefined ? seconds(freshness.ageMs) : "?";
  const word = t("state.frozen-for", { s: Math.round(stillMs / 1000) });
  return { ...said("bad", word, [...cameraReason(scene.camera), ...last(scene)], { trusted: false, age }), spoken: t("state.frozen") };
}

function said(tone: Tone, word: string, detail: readonly string[], picture: { trusted: boolean; age?: string } = { trusted: false }): Telling {
  return { tone, word, spoken: word, detail, ...picture };
}

function last(scene: Scene): string[] {
  return scene.lastPictureUnixMs === undefined ? [] : [t("tile.last", { time: clockTime(scene.lastPictureUnixMs) })];
}

/** Why a camera is not well, in words; nothing while it is. */
export function cameraReason(camera: StandingCamera | undefined): string[] {
  return trouble(camera) && camera?.reason ? [reasonText(camera.reason)] : [];
}

/** Codes that say how a camera is, without being trouble. */
const CALM: ReadonlySet<string> = new Set(["off", "opening"]);

function trouble(camera: StandingCamera | undefined): boolean {
  return camera?.reason != null && !CALM.has(camera.reason.code);
}

/** A camera's own state as chip: word and colour. */
export function tellCamera(camera: StandingCamera): { readonly tone: Tone; readonly word: string } {
  if (camera.reason?.code === "device-offline") return { tone: "bad", word: t("camera.offline") };
  if (trouble(camera) || camera.code === "resting") return { tone: "bad", word: t("camera.trouble") };
  switch (camera.code) {
    case "live":
      return { tone: "live", word: t("camera.live") };
    case "ready":
      return { tone: "live", word: t("camera.ready") };
    case "opening":
      return { tone: "wait", word: t("camera.opening") };
    case "off":
      return { tone: "off", word: t("camera.off") };
    default:
      return { tone: "off", word: t("camera.unknown") };
  }
}
