import type { App } from "../app/app.ts";
import type { Result } from "../api/client.ts";
import type { Move, Preset, Presets } from "../api/types.ts";
import { confirm } from "../ui/confirm.ts";
import { h, iconButton } from "../ui/dom.ts";
import { p } from "../ui/texts_ptz.ts";

/** The places a camera remembers: to look there, to remember one more, to forget one. */
export class PtzPresets {
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;
  readonly #app: App;
  readonly #path: string;
  readonly #list = h("ul", {});
  readonly #name = h("input", { type: "text", maxlength: 60, "aria-label": p("remember-name"), placeholder: p("remember-name"), autocomplete: "off" });
  readonly #move: (move: Move) => Promise<Result<unknown>>;
  readonly #failed: (text: string) => void;

  constructor(app: App, cameraId: string, move: (move: Move) => Promise<Result<unknown>>, failed: (text: string) => void) {
    this.#app = app;
    this.#move = move;
    this.#path = `/cameras/${cameraId}`;
    this.#failed = failed;
    const id = `presets-${cameraId}`;
    this.button = h("button", { type: "button", class: "button small", "aria-expanded": "false", "aria-controls": id, text: p("presets"), on: { click: () => { this.#open(this.button.getAttribute("aria-expanded") === "false"); } } });
    const form = h("form", { class: "preset-form field", on: { submit: (event) => { event.preventDefault(); void this.#remember(); } } },
      this.#name, h("button", { type: "submit", class: "button small", text: p("remember-go") }));
    this.panel = h("div", { class: "ptz-presets", id, hidden: true, on: { keydown: (event) => { this.#key(event); } } }, this.#list, form);
  }

  #open(open: boolean): void {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) void this.#read();
  }

  #key(event: Event): void {
    if (!(event instanceof KeyboardEvent) || event.key !== "Escape") return;
    // The wall, too, listens to this key: it would leave the enlarged tile.
    event.stopPropagation();
    this.#open(false);
    this.button.focus();
  }

  async #read(): Promise<void> {
    if (this.#list.children.length === 0) this.#list.replaceChildren(h("li", { class: "sub", text: p("presets-reading") }));
    const answer = await this.#app.api.get<Presets>(`${this.#path}/presets`);
    if (!answer.ok) {
      this.#list.replaceChildren();
      this.#failed(answer.problem.detail ?? answer.problem.title);
      return;
    }
    this.#failed("");
    const { items } = answer.value;
    this.#list.replaceChildren(...(items.length === 0 ? [h("li", { class: "sub", text: p("presets-none") })] : items.map((preset) => this.#row(preset))));
  }

  #row(preset: Preset): HTMLElement {
    const name = preset.name || preset.token;
    return h("li", {},
      h("button", { type: "button", class: "preset-go", "aria-label": p("go-to", { name }), text: name, on: { click: () => void this.#do(this.#move({ go_to: preset.token })) } }),
      iconButton("bin", p("forget", { name }), () => void this.#forget(preset, name)));
  }

  async #remember(): Promise<void> {
    const name = this.#name.value.trim();
    if (name === "") {
      this.#name.focus();
      return;
    }
    if (await this.#do(this.#app.api.post(`${this.#path}/presets`, { name }))) this.#name.value = "";
    await this.#read();
  }

  async #forget(preset: Preset, name: string): Promise<void> {
    if (!(await confirm(p("forget-ask", { name })))) return;
    await this.#do(this.#app.api.delete(`${this.#path}/presets/${encodeURIComponent(preset.token)}`));
    await this.#read();
  }

  async #do(call: Promise<Result<unknown>>): Promise<boolean> {
    const answer = await call;
    this.#failed(answer.ok ? "" : (answer.problem.detail ?? answer.problem.title));
    return answer.ok;
  }
}
