import type { App } from "../app/app.ts";
import type { Search } from "../api/types.ts";
import { places } from "../app/credential_rows.ts";
import { openDialog, type Dialog } from "../ui/dialog.ts";
import { h, setText } from "../ui/dom.ts";
import { f } from "../ui/texts_finds.ts";

/** Asks a device to search where it is not at home: in routed networks, or at single addresses. */
export class SearchElsewhere {
  readonly #app: App;
  readonly #dialog: Dialog;
  readonly #onBegun: () => void;
  readonly #device: HTMLSelectElement;
  readonly #ranges = h("textarea", { id: "ranges", rows: 3, spellcheck: "false", placeholder: "10.1.0.0/24", "aria-describedby": "ranges-hint" });
  readonly #addresses = h("textarea", { id: "addresses", rows: 3, spellcheck: "false", placeholder: "10.1.0.17", "aria-describedby": "addresses-hint" });
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #go = h("button", { type: "submit", class: "button primary", text: f("search") });
  #closed = false;

  constructor(app: App, onBegun: () => void) {
    this.#app = app;
    this.#onBegun = onBegun;
    const devices = app.registry.devices.filter(({ online, revoked }) => online && !revoked);
    this.#device = h("select", { id: "search-device" }, ...devices.map(({ id, name }) => h("option", { value: id, text: name })));
    const box = (id: string, label: string, hint: string, area: HTMLTextAreaElement): HTMLElement =>
      h("div", { class: "field" }, h("label", { for: id, text: label }), area, h("p", { class: "field-hint", id: `${id}-hint`, text: hint }));
    const form = h("form", { class: "dialog-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#search(); } } },
      h("p", { class: "sub", text: f("elsewhere-lead") }),
      h("div", { class: "field" }, h("label", { for: "search-device", text: f("elsewhere-device") }), this.#device),
      box("ranges", f("elsewhere-ranges"), f("elsewhere-ranges-hint"), this.#ranges),
      box("addresses", f("elsewhere-addresses"), f("elsewhere-addresses-hint"), this.#addresses),
      this.#error,
      h("div", { class: "form-buttons" }, h("button", { type: "button", class: "button", text: f("cancel"), on: { click: () => { this.close(); } } }), this.#go));
    this.#dialog = openDialog(f("elsewhere"), () => { this.#closed = true; }, form);
    this.#go.disabled = devices.length === 0;
    if (devices.length === 0) setText(this.#error, f("no-device"));
    this.#ranges.focus();
  }

  close(): void {
    if (!this.#closed) this.#dialog.close();
  }

  async #search(): Promise<void> {
    const { ranges, addresses, bad } = places(this.#ranges.value, this.#addresses.value);
    if (bad !== undefined || ranges.length + addresses.length === 0) {
      setText(this.#error, bad === undefined ? f("elsewhere-none") : f("elsewhere-bad", { text: bad }));
      return;
    }
    this.#go.disabled = true;
    const answer = await this.#app.api.post("/discoveries/search", { device_id: this.#device.value, ranges, addresses } satisfies Search);
    void this.#app.finds.refresh();
    if (this.#closed) return;
    this.#go.disabled = false;
    if (!answer.ok) {
      setText(this.#error, f("search-failed", { reason: answer.problem.errors?.[0]?.text ?? answer.problem.detail ?? answer.problem.title }));
      return;
    }
    this.#onBegun();
    this.close();
  }
}
