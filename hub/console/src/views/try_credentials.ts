import { CAMERA_LIMIT_MS } from "../api/client.ts";
import type { Attempts, Credentials, Discovery, Tried } from "../api/types.ts";
import type { App } from "../app/app.ts";
import { tryRequest, type CredentialRow } from "../app/credential_rows.ts";
import { acceptable, findName } from "../app/find_groups.ts";
import { openDialog, type Dialog } from "../ui/dialog.ts";
import { h, iconButton, setText } from "../ui/dom.ts";
import { f } from "../ui/texts_finds.ts";

interface Row {
  readonly element: HTMLElement;
  readonly username: HTMLInputElement;
  readonly password: HTMLInputElement;
  readonly keep: HTMLInputElement;
}

/** Tries passwords at found cameras and tells which of them opened. */
export class TryDialog {
  readonly #app: App;
  readonly #finds: readonly Discovery[];
  readonly #onAccept: (opened: readonly Discovery[]) => void;
  readonly #dialog: Dialog;
  readonly #rows: Row[] = [];
  readonly #rowList = h("div", { class: "try-rows" });
  readonly #bank = h("input", { type: "checkbox", class: "pick" });
  readonly #bankText = h("span");
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #results = h("div", { class: "try-results", role: "status" });
  readonly #go = h("button", { type: "submit", class: "button primary", text: f("try-go") });
  readonly #end = h("button", { type: "button", class: "button", text: f("cancel") });
  readonly #accept = h("button", { type: "button", class: "button primary", hidden: true });
  readonly #unwatch: () => void;
  #opened: ReadonlySet<string> = new Set();
  #closed = false;
  #count = 0;

  constructor(app: App, finds: readonly Discovery[], onAccept: (opened: readonly Discovery[]) => void) {
    this.#app = app;
    this.#finds = finds;
    this.#onAccept = onAccept;
    const one = finds[0];
    const title = finds.length === 1 && one ? f("try-title-one", { name: findName(one) }) : f("try-title", { n: finds.length });
    const add = h("button", { type: "button", class: "button small quiet", text: f("try-add"), on: { click: () => { this.#addRow(); } } });
    const form = h("form", { class: "dialog-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#try(); } } },
      h("p", { class: "sub", text: f("try-lead") }),
      h("label", { class: "check" }, this.#bank, this.#bankText),
      this.#rowList, add, this.#error, this.#results,
      h("div", { class: "form-buttons" }, this.#end, this.#go, this.#accept));
    this.#bank.disabled = true;
    setText(this.#bankText, f("try-bank-none"));
    this.#dialog = openDialog(title, () => {
      this.#closed = true;
      this.#unwatch();
    }, form);
    this.#accept.addEventListener("click", () => {
      const known = this.#known();
      this.close();
      this.#onAccept(known);
    });
    this.#unwatch = app.finds.seen.subscribe(() => { this.#offer(); });
    this.#end.addEventListener("click", () => { this.close(); });
    this.#addRow();
    void this.#readBank();
  }

  close(): void {
    if (!this.#closed) this.#dialog.close();
  }

  #addRow(): void {
    const number = (this.#count += 1);
    const input = (name: string, type: string, label: string): HTMLInputElement =>
      h("input", { type, name: `${name}-${number}`, "aria-label": label, placeholder: label, autocomplete: type === "password" ? "new-password" : "off", spellcheck: "false", autocapitalize: "off" });
    const row: Row = { element: h("div", { class: "try-row field" }), username: input("user", "text", f("try-user")), password: input("password", "password", f("try-password")), keep: h("input", { type: "checkbox", class: "pick" }) };
    const remove = iconButton("bin", f("try-remove"), () => {
      this.#rows.splice(this.#rows.indexOf(row), 1);
      row.element.remove();
      if (this.#rows.length === 0) this.#addRow();
    });
    row.element.append(row.username, row.password, h("label", { class: "check" }, row.keep, f("try-keep")), remove);
    this.#rows.push(row);
    this.#rowList.append(row.element);
    row.username.focus();
  }

  /** How many passwords the sites have; where there are some, they are tried first. */
  async #readBank(): Promise<void> {
    const sites = [...new Set(this.#finds.map(({ site_id: site }) => site))].filter((site) => site != null);
    const answers = await Promise.all(sites.map((site) => this.#app.api.get<Credentials>(`/sites/${site}/credentials`)));
    const count = answers.reduce((sum, answer) => sum + (answer.ok ? answer.value.items.length : 0), 0);
    if (count === 0) return;
    this.#bank.disabled = false;
    this.#bank.checked = true;
    setText(this.#bankText, f("try-bank", { n: count }));
  }

  async #try(): Promise<void> {
    setText(this.#error, "");
    this.#results.replaceChildren();
    this.#opened = new Set();
    this.#offer();
    const typed = this.#rows.map((row): CredentialRow => ({ username: row.username.value, password: row.password.value, keep: row.keep.checked }));
    const request = tryRequest(this.#finds.map(({ id }) => id), typed, this.#bank.checked);
    if (!request.ok) {
      setText(this.#error, f(request.fault === "half" ? "try-half" : "try-empty"));
      this.#rows[request.row]?.username.focus();
      return;
    }
    this.#busy(true);
    const answer = await this.#app.api.post<Attempts>("/discoveries/try", request.body, CAMERA_LIMIT_MS);
    void this.#app.finds.refresh();
    if (this.#closed) return;
    this.#busy(false);
    if (!answer.ok) setText(this.#error, f("try-failed", { reason: answer.problem.detail ?? answer.problem.title }));
    else this.#tell(answer.value.items);
  }

  #tell(items: readonly Tried[]): void {
    const opened = items.filter((item) => item.opened);
    const name = (id: string): string => {
      const find = this.#finds.find((one) => one.id === id);
      return find ? findName(find) : id;
    };
    const lines = items.map((item) => h("li", { "data-tone": item.opened ? "live" : "bad" },
      h("span", { class: "mark", "aria-hidden": "true" }), h("span", { class: "try-name", text: name(item.id) }),
      h("span", { class: "sub", text: item.opened ? (item.username ? f("try-opened-as", { user: item.username }) : f("try-opened-freely")) : item.text || f("try-not") })));
    this.#results.replaceChildren(h("p", { class: "try-count", text: f("try-opened", { n: opened.length, all: items.length }) }), h("ul", {}, ...lines));
    this.#go.textContent = f("try-again");
    this.#go.classList.toggle("primary", opened.length === 0);
    setText(this.#end, f("close"));
    this.#opened = new Set(opened.map(({ id }) => id));
    this.#offer();
  }

  /** What was opened and is understood by now: a camera tells its streams some moments after it was opened. */
  #known(): readonly Discovery[] {
    return (this.#app.finds.seen.get()?.items ?? []).filter((find) => this.#opened.has(find.id) && acceptable(find));
  }

  #offer(): void {
    const known = this.#known().length;
    this.#accept.hidden = this.#opened.size === 0;
    this.#accept.disabled = known === 0;
    setText(this.#accept, known === 0 ? f("try-reading") : f("try-accept", { n: known }));
  }

  #busy(busy: boolean): void {
    this.#go.disabled = busy;
    this.#dialog.element.setAttribute("aria-busy", String(busy));
    setText(this.#go, f(busy ? "try-busy" : "try-go"));
  }
}
