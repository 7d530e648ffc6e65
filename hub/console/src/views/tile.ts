import type { App } from "../app/app.ts";
import type { Camera } from "../api/types.ts";
import type { PlayerStats } from "../player/gauge.ts";
import { Player } from "../player/player.ts";
import type { PlaySession } from "../player/session.ts";
import type { ProtocolWish } from "../player/source.ts";
import { h, icon, iconButton, setIconButton, setText } from "../ui/dom.ts";
import { t } from "../ui/language.ts";
import { cameraReason, protocolName, tell, tellRoute, type Telling } from "../ui/words.ts";
import { attachExtras } from "./tile_extras.ts";
import { TileMenu } from "./tile_menu.ts";
import { TileSound } from "./tile_sound.ts";

/** What the wall wants to know of a tile's buttons. */
export interface TileEvents {
  playToggled(cameraId: string): void;
  playWanted(cameraId: string): void;
  enlargeToggled(cameraId: string): void;
}

/** Words are refreshed this often, ms: ages and countdowns move even when no signal does. */
const TELL_EVERY_MS = 250;

/** One camera on the wall: its picture, and the truth about it in words. */
export class Tile {
  readonly element: HTMLElement;
  readonly cameraId: string;
  readonly #app: App;
  readonly #player: Player;
  readonly #parts: Parts;
  readonly #sound: TileSound;
  readonly #ends: (() => void)[] = [];
  #camera: Camera;
  #wanted = false;
  #enlarged = false;
  #lastPicture: number | undefined;
  #telling: Telling | undefined;

  constructor(app: App, camera: Camera, events: TileEvents) {
    this.#app = app;
    this.#camera = camera;
    this.cameraId = camera.id;
    const video = h("video", { playsinline: true, autoplay: true, tabindex: -1, "aria-label": t("tile.video", { name: camera.name }) });
    video.muted = true;
    answer(video, camera, events);
    this.#player = new Player({
      video,
      replaced: (fresh) => { answer(fresh, camera, events); },
      source: app.sessions.source({ cameraId: camera.id, size: () => this.#size() }),
      clock: app.clock,
      audioCodec: (tier) => this.#camera.tiers.find((offered) => offered.tier === tier)?.audio_codec ?? undefined,
    });
    this.#sound = new TileSound(app, this.#player, camera);
    this.#parts = build(camera, video, this.#sound, events, (protocol) => { this.#player.insist(protocol); });
    this.element = this.#parts.root;
    this.#ends.push(attachExtras(app, camera.id, this.element, this.#player));
    this.element.addEventListener("keydown", (event) => { this.key(event); });
    this.#ends.push(
      this.#player.state.subscribe(() => { this.#render(); }),
      this.#player.freshness.subscribe(() => { this.#noteAge(); }),
      this.#player.sounding.subscribe(() => { this.#render(); }),
      app.revoked.subscribe((revoked) => {
        if (revoked) this.#player.revoked(revoked.sessionId, { code: revoked.reason, text: "The session was ended" });
      }),
      app.retiered.subscribe((change) => { if (change) this.#player.retiered(change); }),
      app.returns.subscribe(() => { if (this.#wanted) this.#player.hope(); }),
    );
    const ticker = setInterval(() => { this.#render(); }, TELL_EVERY_MS);
    // Laid out anew, on the whole screen, on another screen: whatever the reason, the hub chooses the tier by the size.
    const sizes = new ResizeObserver(() => {
      const size = this.#size();
      if (size.width > 0) this.#player.show(size);
    });
    sizes.observe(this.element);
    this.#ends.push(() => { clearInterval(ticker); }, () => { sizes.disconnect(); });
  }

  get live(): boolean {
    return this.#telling?.tone === "live";
  }

  /** Whether the operator wants it to play. */
  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) this.#player.play();
    else this.#player.stop();
    this.#render();
  }

  enlarge(enlarged: boolean): void {
    this.#enlarged = enlarged;
    this.#player.show({ focus: enlarged });
    this.#render();
  }

  /** Takes what the registry knows now; a camera that came back gives the player hope. */
  update(camera: Camera): void {
    const before = cameraReason(this.#camera.state).length > 0;
    this.#camera = camera;
    if (before && cameraReason(camera.state).length === 0) this.#player.hope();
    this.#render();
  }

  /** Sound and volume by keyboard, wherever in the tile the focus is; the menu's and the slider's own keys stay theirs. */
  key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const arrows = event.target instanceof HTMLInputElement && event.key.startsWith("Arrow");
    if (!arrows && this.#sound.key(event.key)) event.preventDefault();
  }

  close(): void {
    this.#sound.close();
    this.#player.close();
    for (const end of this.#ends) end();
  }

  #size(): { width: number; height: number } {
    const { width, height } = this.element.getBoundingClientRect();
    return { width: Math.round(width * devicePixelRatio), height: Math.round(height * devicePixelRatio) };
  }

  #noteAge(): void {
    const freshness = this.#player.freshness.get();
    if (freshness.kind !== "live" && freshness.kind !== "late") return;
    const now = this.#app.clock.serverTime(performance.now());
    if (now !== undefined) this.#lastPicture = now - freshness.ageMs;
    this.element.dataset.ageMs = String(Math.round(freshness.ageMs));
  }

  #render(): void {
    const player = this.#player.state.get();
    const freshness = this.#player.freshness.get();
    if (player.kind === "idle") this.#lastPicture = undefined;
    const telling = tell({ now: performance.now(), player, freshness, camera: this.#camera.state, lastPictureUnixMs: this.#lastPicture });
    this.#telling = telling;
    const { root, name, word, spoken, detail, note, source, age, play, menu, enlarge } = this.#parts;
    const session = "session" in player ? player.session : undefined;
    if (freshness.kind !== "live" && freshness.kind !== "late") delete root.dataset.ageMs;
    root.dataset.tone = telling.tone;
    root.dataset.player = player.kind;
    root.dataset.freshness = freshness.kind;
    root.dataset.protocol = session?.protocol ?? "";
    root.classList.toggle("veiled", !telling.trusted);
    setText(name, this.#camera.name);
    setText(word, telling.word);
    setText(spoken, `${this.#camera.name}: ${telling.spoken}`);
    setText(detail, telling.detail.join(" · "));
    setText(note, tellRoute(session, this.#player.protocol));
    menu.tell(session);
    this.#sound.render(this.#camera, session);
    setText(source, session ? describe(session, this.#player.stats.get()) : "");
    setText(age, telling.age === undefined ? "" : telling.age === "?" ? t("tile.age-unknown") : t("tile.age", { age: telling.age }));
    setIconButton(play, this.#wanted ? "stop" : "play", t(this.#wanted ? "tile.stop" : "tile.play", { name: this.#camera.name }));
    setIconButton(enlarge, this.#enlarged ? "shrink" : "expand", this.#enlarged ? t("tile.shrink") : t("tile.enlarge", { name: this.#camera.name }));
  }
}

interface Parts {
  readonly root: HTMLElement;
  readonly name: HTMLElement;
  readonly word: HTMLElement;
  readonly spoken: HTMLElement;
  readonly detail: HTMLElement;
  readonly note: HTMLElement;
  readonly source: HTMLElement;
  readonly age: HTMLElement;
  readonly play: HTMLButtonElement;
  readonly menu: TileMenu;
  readonly enlarge: HTMLButtonElement;
}

/** Lets the picture answer to the pointer. */
function answer(video: HTMLVideoElement, camera: Camera, events: TileEvents): void {
  const dark = (): boolean => video.closest<HTMLElement>(".tile")?.dataset.player === "idle";
  // The whole dark picture plays when clicked; the button in the bar is for keyboards and for stopping.
  video.addEventListener("click", () => { if (dark()) events.playWanted(camera.id); });
  video.addEventListener("dblclick", () => { if (!dark()) events.enlargeToggled(camera.id); });
}

function build(camera: Camera, video: HTMLVideoElement, sound: TileSound, events: TileEvents, chosen: (protocol: ProtocolWish) => void): Parts {
  const name = h("h2", { class: "tile-name", id: `tile-${camera.id}` });
  const word = h("span", { class: "tile-word" });
  const spoken = h("span", { class: "hidden", role: "status" });
  const detail = h("p", { class: "tile-detail" });
  const note = h("p", { class: "tile-note" });
  const source = h("span", { class: "tile-source" });
  const age = h("span", { class: "tile-age" });
  const play = iconButton("play", t("tile.play", { name: camera.name }), () => { events.playToggled(camera.id); });
  const menu = new TileMenu(camera.id, camera.name, chosen);
  const enlarge = iconButton("expand", t("tile.enlarge", { name: camera.name }), () => { events.enlargeToggled(camera.id); });
  const root = h("article", { class: "tile", "data-camera": camera.id, "aria-labelledby": `tile-${camera.id}` },
    video,
    h("div", { class: "tile-veil" }, h("div", { class: "tile-status" }, h("span", { class: "mark", "aria-hidden": "true" }), icon("play"), word), detail, note),
    spoken,
    menu.panel,
    h("div", { class: "tile-bar" },
      h("div", { class: "tile-title" }, name, source),
      age,
      h("div", { class: "tile-buttons" }, play, sound.slider, sound.button, menu.button, enlarge)));
  return { root, name, word, spoken, detail, note, source, age, play, menu, enlarge };
}

function describe(session: PlaySession, stats: PlayerStats | undefined): string {
  const size = stats && stats.width > 0 ? `${stats.width}×${stats.height}` : "";
  return [protocolName(session.protocol), session.tier, size].filter((part) => part !== "").join(" · ");
}
