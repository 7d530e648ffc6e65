import { mayOperate, type App, type View } from "../app/app.ts";
import { countBy } from "../app/find_groups.ts";
import { h, icon, iconButton, setText, type IconName } from "../ui/dom.ts";
import { clockTime, t } from "../ui/language.ts";
import type { TextKey } from "../ui/texts.ts";
import { CamerasView } from "./cameras.ts";
import { languageChooser } from "./language_chooser.ts";
import { LazyView } from "./lazy.ts";
import { SessionsView } from "./sessions.ts";
import { WallView } from "./wall.ts";

interface Place {
  readonly route: string;
  readonly text: TextKey;
  readonly icon: IconName;
}

const FOUND = "#/discoveries";

const PLACES: readonly Place[] = [
  { route: "#/wall", text: "app.wall", icon: "wall" },
  { route: "#/cameras", text: "app.cameras", icon: "camera" },
  { route: FOUND, text: "app.finds", icon: "inbox" },
  { route: "#/sessions", text: "app.sessions", icon: "people" },
];

/** The frame around every page of a signed-in console: brand, places, link to the hub, language, way out. */
export class Shell implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #main = h("main", { id: "main", tabindex: -1 });
  readonly #links: readonly HTMLAnchorElement[];
  readonly #linkText = h("span", { class: "link-text" });
  readonly #link = h("div", { class: "hub-link", role: "status" }, h("span", { class: "mark", "aria-hidden": "true" }), this.#linkText);
  readonly #news = h("span", { class: "badge", "aria-hidden": "true", hidden: true });
  readonly #newsSpoken = h("span", { class: "hidden" });
  readonly #ends: (() => void)[] = [];
  #view: View | undefined;

  constructor(app: App, onSignOut: () => void, onLanguage: () => void) {
    this.#app = app;
    this.#links = PLACES.map((place) => h("a", { href: place.route }, icon(place.icon), h("span", { text: t(place.text) }), ...(place.route === FOUND ? [this.#news, this.#newsSpoken] : [])));
    this.element = h("div", { class: "shell" },
      h("a", { class: "skip", href: "#main", text: t("app.skip"), on: { click: (event) => { event.preventDefault(); this.#main.focus(); } } }),
      h("header", { class: "top" },
        h("a", { class: "brand", href: "#/wall", "aria-label": "Sluice" }, icon("gate"), h("span", { class: "brand-name", text: "Sluice" })),
        h("nav", { class: "places", "aria-label": t("app.pages") }, ...this.#links),
        h("span", { class: "gap" }),
        this.#link,
        languageChooser(onLanguage),
        h("span", { class: "user", text: app.me.user.name }),
        iconButton("out", t("app.sign-out"), onSignOut)),
      this.#main);
    const onRoute = (): void => { this.#route(); };
    window.addEventListener("hashchange", onRoute);
    this.#ends.push(() => { window.removeEventListener("hashchange", onRoute); }, app.link.state.subscribe(() => { this.#tellLink(); }), app.finds.seen.subscribe(() => { this.#tellFinds(); }), app.finds.problem.subscribe(() => { this.#tellFinds(); }));
    this.#route();
  }

  close(): void {
    this.#view?.close();
    for (const end of this.#ends) end();
    this.element.remove();
  }

  #route(): void {
    this.#view?.close();
    const [view, title, place] = this.#open(location.hash);
    this.#view = view;
    this.#main.replaceChildren(view.element);
    document.title = `${title} · Sluice`;
    this.#links.forEach((link, at) => {
      if (PLACES[at]?.route === place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
  }

  #open(hash: string): [View, string, string] {
    const camera = CAMERA.exec(hash)?.[1];
    if (camera !== undefined) {
      return [new LazyView(async () => new (await import("./desk.ts")).CameraView(this.#app, camera)), this.#app.registry.camera(camera)?.name ?? t("app.cameras"), "#/cameras"];
    }
    switch (hash) {
      case "#/cameras":
        return [new CamerasView(this.#app), t("app.cameras"), "#/cameras"];
      case "#/cameras/new":
        return [new LazyView(async () => new (await import("./desk.ts")).AddCameraView(this.#app, (id) => { location.hash = id === undefined ? "#/cameras" : `#/cameras/${id}`; })), t("form.title"), "#/cameras"];
      case FOUND:
        return [new LazyView(async () => new (await import("./desk.ts")).FindsView(this.#app)), t("app.finds"), FOUND];
      case "#/sites":
        return [new LazyView(async () => new (await import("./desk.ts")).SitesView(this.#app)), t("app.sites"), FOUND];
      case "#/sessions":
        return [new SessionsView(this.#app), t("app.sessions"), "#/sessions"];
      default:
        return [new WallView(this.#app), t("app.wall"), "#/wall"];
    }
  }

  /** How many found cameras wait for somebody; nothing for those who could not accept them. */
  #tellFinds(): void {
    const { seen, problem } = this.#app.finds;
    const status = problem.get()?.status;
    const link = this.#links[PLACES.findIndex(({ route }) => route === FOUND)];
    if (link) link.hidden = !mayOperate(this.#app.me) || (seen.get() === undefined && (status === 403 || status === 404));
    const fresh = countBy(seen.get()?.items ?? []).new;
    this.#news.hidden = fresh === 0;
    setText(this.#news, fresh === 0 ? "" : fresh > 999 ? "999+" : String(fresh));
    setText(this.#newsSpoken, fresh === 0 ? "" : `, ${t("app.finds-new", { n: fresh })}`);
  }

  #tellLink(): void {
    const state = this.#app.link.state.get();
    this.#link.dataset.tone = state.kind === "live" ? "live" : state.kind === "polling" ? "late" : "bad";
    setText(this.#linkText, state.kind === "lost" ? t("link.lost", { time: clockTime(state.since) }) : t(`link.${state.kind}`));
  }
}

const CAMERA = /^#\/cameras\/(cam_[0-9a-f]+)$/;
