import type { View } from "../app/app.ts";
import { h } from "../ui/dom.ts";
import { t } from "../ui/language.ts";

/** A page whose script is fetched when it is opened. */
export class LazyView implements View {
  readonly element = h("div", { class: "lazy", "aria-busy": "true" });
  readonly #load: () => Promise<View>;
  #view: View | undefined;
  #closed = false;

  constructor(load: () => Promise<View>) {
    this.#load = load;
    void this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#view?.close();
  }

  async #open(): Promise<void> {
    try {
      const view = await this.#load();
      if (this.#closed) {
        view.close();
        return;
      }
      this.#view = view;
      this.element.replaceChildren(view.element);
    } catch {
      // A hub that was replaced has scripts of other names: the page must be read anew.
      const again = h("button", { type: "button", class: "button primary", text: t("error.try-again"), on: { click: () => { location.reload(); } } });
      this.element.replaceChildren(h("div", { class: "notice", role: "alert" }, h("p", { text: t("reason.hub-unreachable") }), again));
    }
    this.element.removeAttribute("aria-busy");
  }
}
