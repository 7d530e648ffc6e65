import type { AddCredential, Credentials, Site, SiteCredential } from "../api/types.ts";
import type { App, View } from "../app/app.ts";
import { confirm } from "../ui/confirm.ts";
import { h, iconButton, setText } from "../ui/dom.ts";
import { field } from "../ui/field.ts";
import { t } from "../ui/language.ts";
import { f } from "../ui/texts_finds.ts";
import { SiteWarm, zoneNames } from "./site_warm.ts";

/** What holds for all cameras of a site: what is kept ready, and the passwords they may have, which go in and never come out. */
export class SitesView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #body = h("div", { class: "page-body cards" });
  readonly #cards = new Map<string, SiteCard>();
  readonly #end: () => void;

  constructor(app: App) {
    this.#app = app;
    this.element = h("section", { class: "page", "aria-labelledby": "page-title" }, zoneNames(),
      h("div", { class: "toolbar" }, h("h1", { class: "page-title", id: "page-title", text: t("app.sites") }), h("span", { class: "gap" }), h("a", { class: "button", href: "#/discoveries", text: f("title") })),
      this.#body);
    this.#end = app.registry.cameras.subscribe(() => { this.#render(); });
  }

  close(): void {
    this.#end();
    for (const card of this.#cards.values()) card.warm.close();
  }

  #render(): void {
    const { sites } = this.#app.registry;
    if (sites.length === 0) {
      this.#body.replaceChildren(h("p", { class: "notice", text: this.#app.registry.cameras.get() === undefined ? t("wall.loading") : f("credentials-no-site") }));
      return;
    }
    for (const site of sites) {
      const card = this.#cards.get(site.id);
      if (card) card.warm.update(site);
      else this.#cards.set(site.id, new SiteCard(this.#app, site));
    }
    const cards = sites.map((site) => this.#cards.get(site.id)?.element).filter((card) => card !== undefined);
    // What stands there may be what was said before the sites were known.
    const stands = cards.length === this.#body.children.length && cards.every((card, at) => card === this.#body.children[at]);
    if (!stands) this.#body.replaceChildren(...cards);
  }
}

/** One site. */
class SiteCard {
  readonly element: HTMLElement;
  readonly warm: SiteWarm;
  readonly #app: App;
  readonly #site: Site;
  readonly #list = h("ul", { class: "credential-list" });
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #add = h("button", { type: "submit", class: "button", text: f("credentials-add") });
  readonly #fields;

  constructor(app: App, site: Site) {
    this.#app = app;
    this.#site = site;
    const id = site.id;
    this.#fields = {
      label: field({ name: `label-${id}`, label: f("credentials-label"), hint: f("credentials-label-hint") }),
      username: field({ name: `username-${id}`, label: f("try-user") }),
      password: field({ name: `password-${id}`, label: f("try-password"), type: "password", autocomplete: "new-password" }),
    };
    this.warm = new SiteWarm(app, site);
    const { label, username, password } = this.#fields;
    this.element = h("section", { class: "panel card", "aria-labelledby": `site-${id}`, "data-site": id },
      h("h2", { id: `site-${id}`, text: site.name }), this.warm.element, h("h3", { text: f("credentials") }), h("p", { class: "sub", text: f("credentials-lead") }), this.#list,
      h("form", { class: "credential-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#send(); } } },
        label.element, username.element, password.element, this.#add),
      this.#error);
    void this.#read();
  }

  async #read(): Promise<void> {
    const answer = await this.#app.api.get<Credentials>(`/sites/${this.#site.id}/credentials`);
    setText(this.#error, answer.ok ? "" : (answer.problem.detail ?? answer.problem.title));
    if (!answer.ok) return;
    const items = answer.value.items.toSorted((a, b) => a.position - b.position);
    this.#list.replaceChildren(...(items.length === 0 ? [h("li", { class: "sub", text: f("credentials-none") })] : items.map((item, at) => this.#row(item, at + 1))));
  }

  #row(item: SiteCredential, place: number): HTMLElement {
    return h("li", { "data-credential": item.id },
      h("span", { class: "credential-place", "aria-hidden": "true", text: String(place) }),
      h("span", { class: "credential-label", text: item.label }), h("span", { class: "mono sub", text: item.username }), h("span", { class: "mono sub", "aria-hidden": "true", text: "••••••••" }),
      iconButton("bin", f("credentials-remove", { label: item.label }), () => void this.#remove(item)));
  }

  async #send(): Promise<void> {
    const { label, username, password } = this.#fields;
    const missing = [username, password].filter(({ input }) => input.value.trim() === "");
    for (const one of [username, password]) one.setError(missing.includes(one) ? t("form.required") : "");
    if (missing.length > 0) {
      missing[0]?.input.focus();
      return;
    }
    this.#add.disabled = true;
    setText(this.#add, f("credentials-adding"));
    const user = username.input.value.trim();
    const answer = await this.#app.api.post(`/sites/${this.#site.id}/credentials`, { label: label.input.value.trim() || user, username: user, password: password.input.value } satisfies AddCredential);
    this.#add.disabled = false;
    setText(this.#add, f("credentials-add"));
    if (!answer.ok) {
      setText(this.#error, answer.problem.errors?.[0]?.text ?? answer.problem.detail ?? answer.problem.title);
      return;
    }
    for (const one of [label, username, password]) one.input.value = "";
    await this.#read();
    label.input.focus();
  }

  async #remove(item: SiteCredential): Promise<void> {
    if (!(await confirm(f("credentials-remove-ask", { label: item.label })))) return;
    const answer = await this.#app.api.delete(`/sites/${this.#site.id}/credentials/${item.id}`);
    await this.#read();
    if (!answer.ok) setText(this.#error, answer.problem.detail ?? answer.problem.title);
  }
}
