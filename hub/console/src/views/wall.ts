import { mayOperate, type App, type View } from "../app/app.ts";
import { LAYOUTS, recallLayout, remember, type Layout } from "../app/memory.ts";
import type { Camera } from "../api/types.ts";
import { h, icon, iconButton, setText } from "../ui/dom.ts";
import { t } from "../ui/language.ts";
import { Tile } from "./tile.ts";

/** The count of live tiles is told this often, ms. */
const COUNT_EVERY_MS = 500;

/** The wall: 1, 4, 9 or 16 tiles, in pages where there are more cameras. */
export class WallView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #grid = h("div", { class: "grid" });
  readonly #count = h("span", { class: "count" });
  readonly #pageText = h("span", { class: "count" });
  readonly #pager: HTMLElement;
  readonly #playAll: HTMLButtonElement;
  readonly #tiles = new Map<string, Tile>();
  readonly #ends: (() => void)[] = [];
  #layout: Layout = recallLayout();
  #page = 0;
  #enlarged: string | undefined;

  constructor(app: App) {
    this.#app = app;
    this.#playAll = h("button", { type: "button", class: "button primary", on: { click: () => { this.#toggleAll(); } } });
    this.#pager = h("div", { class: "pager" },
      iconButton("left", t("wall.previous"), () => { this.#turn(-1); }),
      this.#pageText,
      iconButton("right", t("wall.next"), () => { this.#turn(1); }));
    this.element = h("section", { class: "wall", "aria-label": t("wall.title") },
      h("div", { class: "toolbar" }, h("h1", { class: "page-title", text: t("wall.title") }), this.#layoutChooser(), this.#pager, h("span", { class: "gap" }), this.#count, this.#playAll),
      this.#grid);
    this.#ends.push(
      app.registry.cameras.subscribe(() => { this.#arrange(); }),
      app.registry.problem.subscribe(() => { this.#arrange(); }),
      app.wanted.subscribe((wanted) => { for (const tile of this.#tiles.values()) tile.want(wanted.has(tile.cameraId)); this.#tellCount(); }),
    );
    const ticker = setInterval(() => { this.#tellCount(); }, COUNT_EVERY_MS);
    const onKey = (event: KeyboardEvent): void => { this.#key(event); };
    window.addEventListener("keydown", onKey);
    this.#ends.push(() => { clearInterval(ticker); }, () => { window.removeEventListener("keydown", onKey); });
  }

  close(): void {
    for (const end of this.#ends) end();
    for (const tile of this.#tiles.values()) tile.close();
    this.#tiles.clear();
  }

  /** The cameras on the page that is shown. */
  #shown(): readonly Camera[] {
    const cameras = this.#app.registry.cameras.get() ?? [];
    const enlarged = this.#enlarged === undefined ? undefined : cameras.find((camera) => camera.id === this.#enlarged);
    if (enlarged) return [enlarged];
    this.#page = Math.min(this.#page, pages(cameras.length, this.#layout) - 1);
    return cameras.slice(this.#page * this.#layout, (this.#page + 1) * this.#layout);
  }

  #arrange(): void {
    const cameras = this.#app.registry.cameras.get();
    const shown = this.#shown();
    const ids = new Set(shown.map((camera) => camera.id));
    for (const [id, tile] of this.#tiles) {
      if (ids.has(id)) continue;
      tile.close();
      tile.element.remove();
      this.#tiles.delete(id);
    }
    const elements = shown.map((camera) => this.#tile(camera).element);
    const empty = this.#enlarged === undefined ? this.#layout - elements.length : 0;
    const columns = this.#enlarged === undefined ? Math.sqrt(this.#layout) : 1;
    this.#grid.style.setProperty("--columns", String(columns));
    const rest = cameras?.length === 0 || cameras === undefined ? [this.#notice(cameras)] : Array.from({ length: empty }, () => h("div", { class: "slot", "aria-hidden": "true" }));
    this.#grid.classList.toggle("bare", elements.length === 0);
    // Moving a playing element in the tree would interrupt it: new ones are put around those that are there.
    for (const child of [...this.#grid.children]) if (!child.classList.contains("tile")) child.remove();
    elements.forEach((element, at) => {
      if (this.#grid.children[at] !== element) this.#grid.insertBefore(element, this.#grid.children[at] ?? null);
    });
    this.#grid.append(...rest);
    const count = pages(cameras?.length ?? 0, this.#layout);
    this.#pager.hidden = count < 2 || this.#enlarged !== undefined;
    setText(this.#pageText, t("wall.page", { page: this.#page + 1, pages: count }));
    this.#tellCount();
  }

  #tile(camera: Camera): Tile {
    const known = this.#tiles.get(camera.id);
    if (known) {
      known.update(camera);
      known.enlarge(this.#enlarged === camera.id);
      return known;
    }
    const tile = new Tile(this.#app, camera, {
      playToggled: (id) => { this.#toggle(id); },
      playWanted: (id) => { if (!this.#app.wanted.get().has(id)) this.#toggle(id); },
      enlargeToggled: (id) => { this.#enlargeToggled(id); },
    });
    this.#tiles.set(camera.id, tile);
    tile.enlarge(this.#enlarged === camera.id);
    tile.want(this.#app.wanted.get().has(camera.id));
    return tile;
  }

  #notice(cameras: readonly Camera[] | undefined): HTMLElement {
    const problem = this.#app.registry.problem.get();
    if (cameras === undefined) return h("p", { class: "notice", role: "status", text: problem ? problem.title : t("wall.loading") });
    return h("div", { class: "notice" }, h("h2", { text: t("wall.none") }), h("p", { text: t("wall.none-lead") }), mayOperate(this.#app.me) ? h("a", { class: "button primary", href: "#/cameras/new" }, icon("plus"), t("cameras.add")) : undefined);
  }

  #layoutChooser(): HTMLElement {
    const choices = LAYOUTS.map((layout) => {
      const input = h("input", { type: "radio", name: "layout", value: layout, on: { change: () => { this.#setLayout(layout); } } });
      input.checked = layout === this.#layout;
      input.setAttribute("aria-label", layout === 1 ? t("wall.tile") : t("wall.tiles", { n: layout }));
      return h("label", {}, input, h("span", { "aria-hidden": "true", text: String(layout) }));
    });
    return h("fieldset", { class: "layouts" }, h("legend", { class: "hidden", text: t("wall.layout") }), ...choices);
  }

  #setLayout(layout: Layout): void {
    const first = this.#page * this.#layout;
    this.#layout = layout;
    this.#page = Math.floor(first / layout);
    this.#enlarged = undefined;
    remember("layout", String(layout));
    this.#arrange();
  }

  #turn(by: number): void {
    const count = pages(this.#app.registry.cameras.get()?.length ?? 0, this.#layout);
    this.#page = (this.#page + by + count) % count;
    this.#arrange();
  }

  #toggle(id: string): void {
    const wanted = new Set(this.#app.wanted.get());
    if (!wanted.delete(id)) wanted.add(id);
    this.#app.wanted.set(wanted);
  }

  #toggleAll(): void {
    const wanted = new Set(this.#app.wanted.get());
    const stop = this.#allWanted();
    for (const { id } of this.#shown()) {
      if (stop) wanted.delete(id);
      else wanted.add(id);
    }
    this.#app.wanted.set(wanted);
  }

  #allWanted(): boolean {
    const wanted = this.#app.wanted.get();
    const shown = this.#shown();
    return shown.length > 0 && shown.every(({ id }) => wanted.has(id));
  }

  #enlargeToggled(id: string): void {
    this.#enlarged = this.#enlarged === id ? undefined : id;
    this.#arrange();
    this.#tiles.get(id)?.element.querySelector<HTMLButtonElement>(".tile-buttons button:last-child")?.focus();
  }

  #key(event: KeyboardEvent): void {
    if (this.#enlarged === undefined) return;
    if (event.key === "Escape") this.#enlargeToggled(this.#enlarged);
    // Alone on the wall, a tile hears its keys wherever the focus is.
    else if (event.target === document.body) this.#tiles.get(this.#enlarged)?.key(event);
  }

  #tellCount(): void {
    const tiles = [...this.#tiles.values()];
    const live = tiles.filter((tile) => tile.live).length;
    setText(this.#count, tiles.length === 0 ? "" : t("wall.live-count", { live, all: tiles.length }));
    this.#playAll.disabled = tiles.length === 0;
    const stop = this.#allWanted();
    const label = t(stop ? "wall.stop-all" : "wall.play-all");
    if (this.#playAll.textContent !== label) this.#playAll.replaceChildren(icon(stop ? "stop" : "play"), label);
  }
}

function pages(cameras: number, layout: Layout): number {
  return Math.max(1, Math.ceil(cameras / layout));
}
