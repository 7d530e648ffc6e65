import type { App } from "../app/app.ts";
import type { Camera } from "../api/types.ts";
import { audible } from "../player/codecs.ts";
import type { Player } from "../player/player.ts";
import type { PlaySession } from "../player/session.ts";
import { h, iconButton, setIconButton } from "../ui/dom.ts";
import { t } from "../ui/language.ts";
import { protocolName } from "../ui/words.ts";

/** How much one press of an arrow key changes the volume. */
const VOLUME_STEP = 0.1;

/** What can be heard of a tile. */
type Hearing =
  | { readonly kind: "possible" }
  | { readonly kind: "none" }
  | { readonly kind: "not-here"; readonly protocol: string };

/** What can be heard of a camera by the session that plays it; what is not known may be tried. */
export function hearing(camera: Pick<Camera, "tiers">, session: Pick<PlaySession, "tier" | "protocol">): Hearing {
  const tier = camera.tiers.find(({ tier }) => tier === session.tier);
  if (tier?.codec == null) return { kind: "possible" };
  if (tier.audio_codec == null) return { kind: "none" };
  const { webrtc, hls } = audible(tier.audio_codec);
  // From WebRTC the player changes over where that helps; nobody leaves LL-HLS for sound, it was taken for a reason.
  const heard = session.protocol === "webrtc" ? webrtc || hls : hls;
  return heard ? { kind: "possible" } : { kind: "not-here", protocol: session.protocol };
}

/** The sound of one tile: its button, its volume, and that one tile alone is heard. */
export class TileSound {
  readonly button: HTMLButtonElement;
  readonly slider: HTMLInputElement;
  readonly #app: App;
  readonly #player: Player;
  readonly #id: string;
  readonly #ends: readonly (() => void)[];
  #possible = false;

  constructor(app: App, player: Player, camera: Camera) {
    this.#app = app;
    this.#player = player;
    this.#id = camera.id;
    this.button = iconButton("mute", t("tile.sound-on", { name: camera.name }), () => { this.toggle(); });
    this.slider = h("input", { type: "range", class: "tile-volume", min: 0, max: 1, step: 0.05, "aria-label": t("tile.volume", { name: camera.name }) });
    this.slider.addEventListener("input", () => { app.volume.set(this.slider.valueAsNumber); });
    this.#ends = [
      app.volume.subscribe((volume) => {
        player.video.volume = volume;
        this.slider.value = String(volume);
      }),
      app.heard.subscribe((heard) => { if (heard !== camera.id) player.sound(false); }),
      player.sounding.subscribe((sounding) => { if (!sounding && app.heard.get() === camera.id) app.heard.set(undefined); }),
    ];
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  toggle(): void {
    if (!this.#possible) return;
    const on = !this.#player.sounding.get();
    // In this order: the tile that was heard falls silent before this one speaks.
    this.#app.heard.set(on ? this.#id : undefined);
    this.#player.sound(on);
  }

  /** A key pressed in the tile; true if it was one of these. */
  key(key: string): boolean {
    if (key === "m" || key === "M") {
      this.toggle();
      return true;
    }
    if ((key !== "ArrowUp" && key !== "ArrowDown") || !this.#player.sounding.get()) return false;
    const step = key === "ArrowUp" ? VOLUME_STEP : -VOLUME_STEP;
    this.#app.volume.set(Math.round(Math.min(1, Math.max(0, this.#app.volume.get() + step)) * 100) / 100);
    return true;
  }

  render(camera: Camera, session: PlaySession | undefined): void {
    const { name } = camera;
    const heard = session ? hearing(camera, session) : undefined;
    const sounding = this.#player.sounding.get();
    this.#possible = heard?.kind === "possible" || sounding;
    this.button.hidden = heard === undefined;
    this.slider.hidden = !sounding || heard === undefined;
    this.button.setAttribute("aria-disabled", String(!this.#possible));
    this.button.setAttribute("aria-pressed", String(sounding));
    if (heard?.kind === "none") setIconButton(this.button, "mute", t("tile.sound-none", { name }));
    else if (heard?.kind === "not-here") setIconButton(this.button, "mute", t("tile.sound-not-here", { name, protocol: protocolName(heard.protocol) }));
    else setIconButton(this.button, sounding ? "sound" : "mute", t(sounding ? "tile.sound-off" : "tile.sound-on", { name }));
  }
}
