import type { Camera, Can, TierReport } from "../api/types.ts";
import { h, setText } from "../ui/dom.ts";
import { reasonText, span } from "../ui/language.ts";
import { codecName, streamLine } from "../ui/streams.ts";
import { c, told } from "../ui/texts_camera.ts";
import { section, type Section } from "./camera_section.ts";

/** Clocks nearer than this are as right as anybody needs, ms. */
const CLOCK_RIGHT_MS = 1_000;

/** What the camera itself is, as it told the device at its site. */
export class DeviceSection implements Section {
  readonly #list = h("dl", { class: "facts" });
  readonly #none = h("p", { class: "sub", text: c("device-none") });
  readonly #trouble = h("p", { class: "warning" });
  readonly element = section("device", c("device"), this.#list, this.#trouble, this.#none);
  #told = "";

  update(camera: Camera): void {
    setText(this.#trouble, camera.device?.trouble ?? "");
    this.#trouble.hidden = this.#trouble.textContent === "";
    const facts = deviceFacts(camera);
    const now = JSON.stringify(facts);
    if (now === this.#told) return;
    this.#told = now;
    this.#none.hidden = camera.device != null;
    this.#list.replaceChildren(...facts.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]));
  }

  close(): void {
    this.element.remove();
  }
}

/** Names and values of what is known of a camera's hardware. */
export function deviceFacts(camera: Pick<Camera, "device" | "source">): readonly (readonly [string, string])[] {
  const { device } = camera;
  const host = camera.source?.address ?? hostOf(camera.source?.tiers[0]?.url);
  const facts: (readonly [string, string])[] = [];
  if (device) {
    facts.push(
      [c("maker"), device.manufacturer], [c("model"), device.model], [c("firmware"), device.firmware], [c("serial"), device.serial],
      [c("address"), host], [c("clock"), clockWords(device.clock_offset_ms)], [c("abilities"), abilities(device.can).join(", ")],
    );
  } else {
    facts.push([c("address"), host]);
  }
  return facts.filter(([, value]) => value !== "");
}

function hostOf(url: string | undefined): string {
  try {
    return url === undefined ? "" : new URL(url).host;
  } catch {
    return "";
  }
}

function clockWords(offsetMs: number | null | undefined): string {
  if (offsetMs == null) return "";
  if (Math.abs(offsetMs) < CLOCK_RIGHT_MS) return c("clock-right");
  return c(offsetMs > 0 ? "clock-ahead" : "clock-behind", { span: span(Math.abs(offsetMs)) });
}

function abilities(can: Can): readonly string[] {
  const words: readonly (keyof Can)[] = ["ptz", "events", "snapshot", "encoder", "sync_point"];
  return words.filter((word) => can[word] === true).map((word) => c(`can.${word}`));
}

/** What the camera sends, stream by stream. */
export class StreamsSection implements Section {
  readonly #list = h("div", { class: "streams" });
  readonly element = section("streams", c("streams"), this.#list);
  #told = "";

  update(camera: Camera): void {
    const now = JSON.stringify(camera.tiers);
    if (now === this.#told) return;
    this.#told = now;
    this.#list.replaceChildren(...camera.tiers.map(stream));
  }

  close(): void {
    this.element.remove();
  }
}

function stream(tier: TierReport): HTMLElement {
  const line = streamLine(tier);
  const sound = tier.audio_codec ? c("stream-sound", { codec: codecName(tier.audio_codec) }) : tier.codec ? c("stream-silent") : "";
  const viewers = tier.viewers === 0 ? "" : tier.viewers === 1 ? c("stream-viewers-one") : c("stream-viewers", { n: tier.viewers });
  const profile = [tier.profile ?? "", tier.level ?? ""].filter((part) => part !== "").join(" ");
  const rest = [profile, tier.b_frames ? c("stream-b-frames") : "", sound, tier.warm ? c("stream-warm") : "", viewers].filter((part) => part !== "");
  return h("div", { class: "stream", "data-tier": tier.tier },
    h("h3", { text: told("tier", tier.tier) }),
    h("p", { text: line === "" ? c("stream-unknown") : line }),
    h("p", { class: "sub", text: rest.join(" · ") }),
    tier.reason ? h("p", { class: "warning", text: reasonText(tier.reason) }) : undefined);
}
