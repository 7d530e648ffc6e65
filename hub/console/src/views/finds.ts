import type { App, View } from "../app/app.ts";
import type { Discovery, Ignore, Search } from "../api/types.ts";
import { acceptable, countBy, FILTERS, groupFinds, tryable, type FindFilter } from "../app/find_groups.ts";
import { h, icon, setText } from "../ui/dom.ts";
import { f } from "../ui/texts_finds.ts";
import { AcceptDialog } from "./accept_finds.ts";
import { FindGroups } from "./find_groups_list.ts";
import { SearchElsewhere } from "./search_elsewhere.ts";
import { TryDialog } from "./try_credentials.ts";

/** The inbox: every camera that devices found at their sites, to be opened, accepted or ignored. */
export class FindsView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #list: FindGroups;
  readonly #body = h("div", { class: "page-body" });
  readonly #notice = h("div", { class: "notice", role: "status" });
  readonly #count = h("span", { class: "count" });
  readonly #told = h("p", { class: "page-told", role: "status" });
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #search: HTMLButtonElement;
  readonly #filters = new Map<FindFilter, HTMLElement>();
  readonly #chosen = h("span", { class: "selection-count", role: "status" });
  readonly #selection: HTMLElement;
  readonly #tryButton: HTMLButtonElement;
  readonly #acceptButton: HTMLButtonElement;
  readonly #ignoreButton: HTMLButtonElement;
  readonly #ends: (() => void)[];
  #dialog: { close(): void } | undefined;
  #filter: FindFilter = "new";
  #words = "";

  constructor(app: App) {
    this.#app = app;
    this.#list = new FindGroups(app, {
      picked: () => { this.#tellSelection(); },
      accept: (find) => { this.#accept([find]); },
      tryAt: (find) => { this.#try([find]); },
      ignore: (find, ignored) => void this.#ignore([find], ignored),
    });
    const button = (text: string, run: () => void, kind = ""): HTMLButtonElement => h("button", { type: "button", class: `button ${kind}`, text, on: { click: run } });
    this.#search = button("", () => void this.#searchNow());
    this.#tryButton = button(f("try"), () => { this.#try(this.#picked().filter(tryable)); });
    this.#acceptButton = button(f("accept"), () => { this.#accept(this.#picked().filter(acceptable)); }, "primary");
    this.#ignoreButton = button(f("ignore"), () => void this.#ignore(this.#picked(), this.#filter !== "ignored"));
    this.#selection = h("div", { class: "selection", hidden: true }, this.#chosen, h("span", { class: "gap" }),
      button(f("clear"), () => { this.#list.pickNone(); }, "quiet"), this.#ignoreButton, this.#tryButton, this.#acceptButton);
    this.element = h("section", { class: "page finds", "aria-labelledby": "page-title" },
      h("div", { class: "toolbar" },
        h("h1", { class: "page-title", id: "page-title", text: f("title") }), this.#count, h("span", { class: "gap" }),
        h("a", { class: "button", href: "#/sites" }, icon("key"), f("credentials")),
        button(f("elsewhere"), () => { this.#elsewhere(); }), this.#search),
      h("div", { class: "toolbar second" }, this.#filterChooser(), this.#searchBox()),
      this.#error, this.#told, this.#body, this.#selection);
    this.#ends = [app.finds.watch(), app.finds.seen.subscribe(() => { this.#render(); }), app.finds.problem.subscribe(() => { this.#render(); }), app.registry.cameras.subscribe(() => { this.#render(); })];
  }

  close(): void {
    for (const end of this.#ends) end();
    this.#dialog?.close();
    this.#list.close();
  }

  #filterChooser(): HTMLElement {
    const choices = FILTERS.map((filter) => {
      const input = h("input", { type: "radio", name: "find-filter", value: filter, on: { change: () => { this.#show(filter); } } });
      input.checked = filter === this.#filter;
      const label = h("span", { text: f(filter) });
      this.#filters.set(filter, label);
      return h("label", {}, input, label);
    });
    return h("fieldset", { class: "layouts" }, h("legend", { class: "hidden", text: f("filter") }), ...choices);
  }

  #searchBox(): HTMLElement {
    const box = h("input", { type: "search", class: "search-box", placeholder: f("search-box"), "aria-label": f("search-box") });
    box.addEventListener("input", () => {
      this.#words = box.value;
      this.#render();
    });
    return box;
  }

  #show(filter: FindFilter): void {
    this.#filter = filter;
    this.#list.pickNone();
    this.#render();
  }

  #render(): void {
    const { finds, registry } = this.#app;
    const seen = finds.seen.get();
    this.#tellSearch(seen?.searching ?? false);
    if (seen === undefined) {
      const problem = finds.problem.get();
      this.#body.replaceChildren(this.#noticed(problem === undefined ? f("searching") : problem.status === 403 ? f("forbidden") : problem.status === 404 ? f("unavailable") : problem.title));
      return;
    }
    const counts = countBy(seen.items);
    setText(this.#count, seen.items.length === 1 ? f("count-one") : f("count", { n: seen.items.length }));
    for (const [filter, label] of this.#filters) setText(label, `${f(filter)} ${counts[filter]}`);
    const groups = groupFinds(seen.items, registry, this.#filter, this.#words);
    if (groups.length === 0) {
      this.#list.update([]);
      this.#body.replaceChildren(this.#empty(counts[this.#filter] > 0));
    } else {
      this.#list.update(groups);
      if (this.#list.element.parentElement !== this.#body) this.#body.replaceChildren(this.#list.element);
    }
    this.#tellSelection();
  }

  #empty(filtered: boolean): HTMLElement {
    if (filtered) return this.#noticed(f("none-match"));
    if (this.#filter === "accepted") return this.#noticed(f("none-accepted"));
    if (this.#filter === "ignored") return this.#noticed(f("none-ignored"));
    this.#notice.replaceChildren(h("h2", { text: f("none-new") }), h("p", { text: f("none-new-lead") }));
    return this.#notice;
  }

  #noticed(text: string): HTMLElement {
    if (this.#notice.textContent !== text) this.#notice.replaceChildren(h("p", { text }));
    return this.#notice;
  }

  #tellSearch(searching: boolean): void {
    const label = f(searching ? "searching" : "search");
    this.#search.dataset.tone = searching ? "wait" : "";
    if (this.#search.textContent !== label) this.#search.replaceChildren(searching ? h("span", { class: "mark", "aria-hidden": "true" }) : icon("search"), label);
  }

  #picked(): readonly Discovery[] {
    return this.#list.picked();
  }

  #tellSelection(): void {
    const picked = this.#picked();
    this.#selection.hidden = picked.length === 0;
    setText(this.#chosen, picked.length === 1 ? f("selected-one") : f("selected", { n: picked.length }));
    this.#tryButton.disabled = !picked.some(tryable);
    this.#acceptButton.disabled = !picked.some(acceptable);
    setText(this.#ignoreButton, f(this.#filter === "ignored" ? "unignore" : "ignore"));
  }

  async #searchNow(): Promise<void> {
    const online = this.#app.registry.devices.filter((device) => device.online && !device.revoked);
    if (online.length === 0) {
      this.#fail(f("no-device"));
      return;
    }
    const answers = await Promise.all(online.map(({ id }) => this.#app.api.post("/discoveries/search", { device_id: id, ranges: [], addresses: [] } satisfies Search)));
    const failed = answers.flatMap((answer) => (answer.ok ? [] : [answer.problem]))[0];
    if (failed) this.#fail(f("search-failed", { reason: failed.detail ?? failed.title }));
    else this.#tell(f("search-begun"));
    await this.#app.finds.refresh();
  }

  #elsewhere(): void {
    this.#open(new SearchElsewhere(this.#app, () => { this.#tell(f("search-begun")); }));
  }

  #try(finds: readonly Discovery[]): void {
    if (finds.length === 0) return;
    this.#open(new TryDialog(this.#app, finds, (opened) => { this.#accept(opened); }));
  }

  #accept(finds: readonly Discovery[]): void {
    if (finds.length === 0) return;
    this.#open(new AcceptDialog(this.#app, finds, (count) => {
      this.#list.pickNone();
      this.#tell(count === 1 ? f("accept-done-one") : f("accept-done", { n: count }));
    }));
  }

  #open(dialog: { close(): void }): void {
    this.#dialog = dialog;
  }

  async #ignore(finds: readonly Discovery[], ignored: boolean): Promise<void> {
    const answer = await this.#app.api.post("/discoveries/ignore", { ids: finds.map(({ id }) => id), ignored } satisfies Ignore);
    if (!answer.ok) this.#fail(f("failed", { reason: answer.problem.detail ?? answer.problem.title }));
    else this.#tell("");
    this.#list.pickNone();
    await this.#app.finds.refresh();
  }

  #tell(text: string): void {
    setText(this.#error, "");
    setText(this.#told, text);
  }

  #fail(text: string): void {
    setText(this.#told, "");
    setText(this.#error, text);
  }
}

