import type { Accept, Accepted, Accepts, Discovery } from "../api/types.ts";
import type { App } from "../app/app.ts";
import { proposeNames } from "../app/find_groups.ts";
import { openDialog, type Dialog } from "../ui/dialog.ts";
import { h, setText } from "../ui/dom.ts";
import { f } from "../ui/texts_finds.ts";

interface Row {
  readonly find: Discovery;
  readonly element: HTMLElement;
  readonly name: HTMLInputElement;
  readonly error: HTMLElement;
}

const WARM = ["sub", "main", "all", "none"] as const;

/** Makes cameras of what was found: asks for their names, and tells what became of each. */
export class AcceptDialog {
  readonly #app: App;
  readonly #dialog: Dialog;
  readonly #onDone: (count: number) => void;
  readonly #list = h("ul", { class: "accept-list" });
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #warm = h("select", { id: "accept-warm" }, ...WARM.map((value) => h("option", { value, text: f(`warm.${value}`) })));
  readonly #go = h("button", { type: "submit", class: "button primary", text: f("accept-go") });
  #rows: readonly Row[];
  #accepted = 0;
  #closed = false;

  constructor(app: App, finds: readonly Discovery[], onDone: (count: number) => void) {
    this.#app = app;
    this.#onDone = onDone;
    const taken = (app.registry.cameras.get() ?? []).map(({ name }) => name);
    const names = proposeNames(finds, app.finds.seen.get()?.items ?? finds, taken);
    this.#rows = finds.map((find) => row(find, names.get(find.id) ?? find.name));
    this.#list.append(...this.#rows.map(({ element }) => element));
    const cancel = h("button", { type: "button", class: "button", text: f("cancel"), on: { click: () => { this.close(); } } });
    const form = h("form", { class: "dialog-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#accept(); } } },
      h("p", { class: "sub", text: f("accept-lead") }), this.#list,
      h("div", { class: "field inline" }, h("label", { for: "accept-warm", text: f("accept-warm") }), this.#warm),
      this.#error, h("div", { class: "form-buttons" }, cancel, this.#go));
    this.#dialog = openDialog(finds.length === 1 ? f("accept-title-one") : f("accept-title", { n: finds.length }), () => { this.#ended(); }, form);
    this.#rows[0]?.name.select();
  }

  close(): void {
    if (!this.#closed) this.#dialog.close();
  }

  #ended(): void {
    this.#closed = true;
    if (this.#accepted > 0) this.#onDone(this.#accepted);
  }

  async #accept(): Promise<void> {
    setText(this.#error, "");
    const nameless = this.#rows.find(({ name }) => name.value.trim() === "");
    if (nameless) {
      setText(this.#error, f("accept-no-name"));
      nameless.name.focus();
      return;
    }
    this.#busy(true);
    const items = this.#rows.map(({ find, name }) => ({ id: find.id, name: name.value.trim(), warm: this.#warm.value }));
    const answer = await this.#app.api.post<Accepts>("/discoveries/accept", { items } satisfies Accept);
    void this.#app.finds.refresh();
    void this.#app.registry.refresh();
    if (answer.ok) this.#accepted += answer.value.items.filter((item) => "camera_id" in item).length;
    if (this.#closed) return;
    this.#busy(false);
    if (!answer.ok) setText(this.#error, f("accept-failed", { reason: answer.problem.detail ?? answer.problem.title }));
    else this.#tell(answer.value.items);
  }

  /** What was accepted leaves the list; what was not stays, with the reason. */
  #tell(items: readonly Accepted[]): void {
    const failed = new Map(items.flatMap((item) => ("problem" in item ? [[item.id, item.problem] as const] : [])));
    for (const { find, element } of this.#rows) if (!failed.has(find.id)) element.remove();
    this.#rows = this.#rows.filter(({ find }) => failed.has(find.id));
    for (const { find, error } of this.#rows) {
      const problem = failed.get(find.id);
      setText(error, f("accept-failed", { reason: problem?.detail ?? "" }));
    }
    if (this.#rows.length === 0) this.close();
  }

  #busy(busy: boolean): void {
    this.#go.disabled = busy;
    setText(this.#go, f(busy ? "accept-busy" : "accept-go"));
  }
}

function row(find: Discovery, proposed: string): Row {
  const name = h("input", { type: "text", value: proposed, maxlength: 100, "aria-label": f("accept-name", { address: find.address ?? find.key }), autocomplete: "off" });
  const error = h("p", { class: "field-error" });
  const made = `${find.manufacturer} ${find.model}`.trim();
  return { find, name, error, element: h("li", { class: "field" }, name, h("p", { class: "field-hint mono", text: [made, find.address ?? ""].filter((part) => part !== "").join(" · ") }), error) };
}
