import type { App, View } from "../app/app.ts";
import { h, icon, iconButton, setText, type IconName } from "../ui/dom.ts";
import { clockTime, t } from "../ui/language.ts";
import type { TextKey } from "../ui/texts.ts";
import { AddCameraView } from "./add_camera.ts";
import { CamerasView } from "./cameras.ts";
import { languageChooser } from "./language_chooser.ts";
import { SessionsView } from "./sessions.ts";
import { WallView } from "./wall.ts";

interface Place {
  readonly route: string;
  readonly text: TextKey;
  readonly icon: IconName;
}

const PLACES: readonly Place[] = [
  { route: "#/wall", text: "app.wall", icon: "wall" },
  { route: "#/cameras", text: "app.cameras", icon: "camera" },
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
  readonly #ends: (() => void)[] = [];
  #view: View | undefined;

  constructor(app: App, onSignOut: () => void, onLanguage: () => void) {
    this.#app = app;
    this.#links = PLACES.map((place) => h("a", { href: place.route }, icon(place.icon), h("span", { text: t(place.text) })));
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
    this.#ends.push(() => { window.removeEventListener("hashchange", onRoute); }, app.link.state.subscribe(() => { this.#tellLink(); }));
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
    switch (hash) {
      case "#/cameras":
        return [new CamerasView(this.#app), t("app.cameras"), "#/cameras"];
      case "#/cameras/new":
        return [new AddCameraView(this.#app, () => { location.hash = "#/cameras"; }), t("form.title"), "#/cameras"];
      case "#/sessions":
        return [new SessionsView(this.#app), t("app.sessions"), "#/sessions"];
      default:
        return [new WallView(this.#app), t("app.wall"), "#/wall"];
    }
  }

  #tellLink(): void {
    const state = this.#app.link.state.get();
    this.#link.dataset.tone = state.kind === "live" ? "live" : state.kind === "polling" ? "late" : "bad";
    setText(this.#linkText, state.kind === "lost" ? t("link.lost", { time: clockTime(state.since) }) : t(`link.${state.kind}`));
  }
}
