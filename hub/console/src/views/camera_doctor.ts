import { mayOperate, type App } from "../app/app.ts";
import { CAMERA_LIMIT_MS, type Result } from "../api/client.ts";
import type { Advice, Advices, Applied, Apply, Camera, Encoder, Undo } from "../api/types.ts";
import { openDialog } from "../ui/dialog.ts";
import { h, setText } from "../ui/dom.ts";
import { c, told } from "../ui/texts_camera.ts";
import { section, type Section } from "./camera_section.ts";

const TONES: Readonly<Record<string, string>> = { hint: "off", warning: "late" };

/** What would make the camera play better, and doing it. */
export class DoctorSection implements Section {
  readonly #app: App;
  readonly #id: string;
  readonly #list = h("ul", { class: "advice" });
  readonly #note = h("p", { class: "sub", role: "status" });
  readonly #undo = h("div", { class: "advice-undo" });
  readonly element = section("doctor", c("doctor"), this.#list, this.#note, this.#undo);
  #asked = "";
  #drawn = "";
  #closed = false;

  constructor(app: App, id: string) {
    this.#app = app;
    this.#id = id;
  }

  /** Advice follows from what the camera is and sends: it is asked for again when that changed. */
  update(camera: Camera): void {
    const facts = JSON.stringify([camera.device, camera.tiers.map(({ codec, width, height, gop_s: gop, b_frames: b, audio_codec: sound }) => [codec, width, height, gop === null || gop === undefined ? gop : Math.round(gop), b, sound])]);
    if (facts === this.#asked) return;
    this.#asked = facts;
    void this.#read();
  }

  close(): void {
    this.#closed = true;
  }

  async #read(): Promise<void> {
    const answer = await this.#app.api.get<Advices>(`/cameras/${this.#id}/advice`);
    if (this.#closed) return;
    if (!answer.ok) {
      setText(this.#note, c("doctor-unknown", { reason: answer.problem.detail ?? answer.problem.title }));
      this.#asked = "";
      return;
    }
    const { items, undoable } = answer.value;
    const drawn = JSON.stringify(answer.value);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#list.replaceChildren(...items.map((advice) => this.#row(advice)));
    this.#undo.replaceChildren(...(mayOperate(this.#app.me) ? undoable.map((tier) => this.#undoButton(tier)) : []));
    if (items.length === 0 || this.#note.textContent === c("doctor-none")) setText(this.#note, items.length === 0 ? c("doctor-none") : "");
  }

  #row(advice: Advice): HTMLElement {
    const may = mayOperate(this.#app.me);
    const apply = h("button", { type: "button", class: "button small", text: c("doctor-apply"), "aria-label": c("doctor-apply-label", { text: advice.text }) });
    apply.addEventListener("click", () => void this.#propose(advice, apply));
    return h("li", { "data-tone": TONES[advice.severity] ?? "late", "data-advice": advice.code },
      h("span", { class: "chip", "data-tone": TONES[advice.severity] ?? "late" }, h("span", { class: "mark", "aria-hidden": "true" }), told("severity", advice.severity), advice.tier ? ` · ${told("tier", advice.tier)}` : undefined),
      h("p", { text: advice.text }),
      h("p", { class: "sub", text: [advice.setting === "" ? "" : c("doctor-setting", { setting: advice.setting }), advice.change == null && advice.setting !== "" ? c("doctor-by-hand") : ""].filter((part) => part !== "").join(" · ") }),
      advice.change != null && may ? apply : undefined);
  }

  /** Shows first what the camera would change. */
  async #propose(advice: Advice, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    setText(this.#note, c("doctor-asking"));
    const answer = await this.#change(advice, true);
    button.disabled = false;
    if (this.#closed) return;
    setText(this.#note, "");
    if (!answer.ok) {
      setText(this.#note, c("doctor-failed", { reason: answer.problem.detail ?? answer.problem.title }));
      return;
    }
    const { before, after } = answer.value;
    const go = h("button", { type: "button", class: "button primary", text: c("doctor-go") });
    const cancel = h("button", { type: "button", class: "button", text: c("cancel") });
    const error = h("p", { class: "form-error", role: "alert" });
    const rows = changes(before, after);
    go.disabled = rows.every(({ changed }) => !changed);
    const dialog = openDialog(c("doctor-title"), () => undefined,
      h("p", { class: "sub", text: go.disabled ? c("doctor-same") : c("doctor-lead") }), compareTable(rows), error, h("div", { class: "form-buttons" }, cancel, go));
    cancel.addEventListener("click", () => { dialog.close(); });
    go.addEventListener("click", () => void (async () => {
      go.disabled = true;
      setText(go, c("doctor-going"));
      const applied = await this.#change(advice, false);
      setText(go, c("doctor-go"));
      go.disabled = false;
      if (!applied.ok) {
        setText(error, c("doctor-failed", { reason: applied.problem.detail ?? applied.problem.title }));
        return;
      }
      dialog.close();
      this.#done(c("doctor-applied"));
    })());
  }

  #change(advice: Advice, dryRun: boolean): Promise<Result<Applied>> {
    return this.#app.api.post<Applied>(`/cameras/${this.#id}/advice/apply`, { tier: advice.tier ?? "", code: advice.code, dry_run: dryRun } satisfies Apply, CAMERA_LIMIT_MS);
  }

  #done(text: string): void {
    this.#drawn = "";
    void this.#read().then(() => { setText(this.#note, text); });
  }

  #undoButton(tier: string): HTMLElement {
    const button = h("button", { type: "button", class: "button small", text: c("doctor-undo", { tier: told("tier", tier) }) });
    button.addEventListener("click", () => void (async () => {
      button.disabled = true;
      const answer = await this.#app.api.post(`/cameras/${this.#id}/advice/undo`, { tier } satisfies Undo, CAMERA_LIMIT_MS);
      button.disabled = false;
      if (answer.ok) this.#done(c("doctor-undone"));
      else setText(this.#note, c("doctor-failed", { reason: answer.problem.detail ?? answer.problem.title }));
    })());
    return button;
  }
}

/** One setting, as it is and as it would be. */
export interface Changed {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly changed: boolean;
}

/** Both sides of a change, setting by setting; what neither side says is left out. */
export function changes(before: Encoder, after: Encoder): readonly Changed[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Encoder)[];
  return names
    .map((name) => ({ name: told("enc", name), before: value(before[name]), after: value(after[name]) }))
    .filter((row) => row.before !== "" || row.after !== "")
    .map((row) => ({ ...row, changed: row.before !== row.after }));
}

function value(told: Encoder[keyof Encoder]): string {
  if (told === null || told === undefined || told === "" || told === 0) return "";
  return typeof told === "boolean" ? c(told ? "yes" : "no") : typeof told === "number" ? String(Number(told.toFixed(2))) : told;
}

function compareTable(rows: readonly Changed[]): HTMLElement {
  return h("table", { class: "compare" },
    h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col", text: c("before") }), h("th", { scope: "col", text: c("after") }))),
    h("tbody", {}, ...rows.map((row) => h("tr", { class: row.changed ? "changed" : "" }, h("th", { scope: "row", text: row.name }), h("td", { text: row.before }), h("td", { text: row.after })))));
}
