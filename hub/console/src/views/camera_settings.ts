import type { App } from "../app/app.ts";
import type { Result } from "../api/client.ts";
import type { Camera, ChangeCamera } from "../api/types.ts";
import { sameHours } from "../app/hours.ts";
import { WARM, warmCost, type Warm } from "../app/warm.ts";
import { h, setText } from "../ui/dom.ts";
import { field } from "../ui/field.ts";
import { language, t } from "../ui/language.ts";
import { bitRate } from "../ui/streams.ts";
import { c } from "../ui/texts_camera.ts";
import { s } from "../ui/texts_schedule.ts";
import { section, type Section } from "./camera_section.ts";
import { HoursEditor, nowWords } from "./hours_editor.ts";

/** More than any camera serves. */
const MOST_SESSIONS = 64;

/** What the hub keeps of a camera and people may change. */
export class SettingsSection implements Section {
  readonly #app: App;
  readonly #id: string;
  readonly #name = field({ name: "camera-name", label: c("name") });
  readonly #warm = field({ name: "camera-warm", label: c("warm"), choices: (["site", ...WARM] as const).map((value) => ({ value, label: c(`warm.${value}`) })) });
  readonly #budget = field({ name: "camera-budget", label: c("budget"), hint: c("budget-hint") });
  readonly #enabled = h("input", { type: "checkbox", class: "pick", "aria-describedby": "camera-enabled-hint" });
  readonly #cost = h("p", { class: "sub", role: "status" });
  readonly #now = h("p", { class: "at-work", role: "status" });
  readonly #hours: HoursEditor;
  readonly #hoursOfSite = h("p", { class: "sub", text: s("of-site"), hidden: true });
  readonly #saver: Saver;
  readonly element: HTMLElement;
  #camera: Camera | undefined;
  #touched = false;

  constructor(app: App, id: string) {
    this.#app = app;
    this.#id = id;
    this.#saver = new Saver(c("save"), () => this.#save());
    this.#hours = new HoursEditor("camera", () => { this.#touched = true; });
    this.element = section("settings", c("settings"), this.#saver.form(
      this.#name.element,
      h("div", { class: "field" }, h("label", { class: "check" }, this.#enabled, c("enabled")), h("p", { class: "field-hint", id: "camera-enabled-hint", text: c("enabled-hint") })),
      this.#warm.element, this.#cost, this.#now, this.#hoursOfSite, this.#hours.element, this.#budget.element));
    this.element.addEventListener("input", () => {
      this.#touched = true;
      this.#tellCost();
      this.#tellHours();
    });
  }

  /** What somebody is changing is not overwritten under the hand. */
  update(camera: Camera): void {
    this.#camera = camera;
    if (!this.#touched) {
      this.#name.input.value = camera.name;
      this.#warm.input.value = camera.warm_of_site ? "site" : camera.warm;
      this.#budget.input.value = camera.session_budget ? String(camera.session_budget) : "";
      this.#enabled.checked = camera.enabled;
      this.#hours.show(camera.warm_of_site ? [] : camera.warm_schedule, camera.time_zone);
    }
    setText(this.#now, nowWords(camera));
    this.#tellCost();
    this.#tellHours();
  }

  close(): void {
    this.element.remove();
  }

  #tellCost(): void {
    const chosen = this.#warm.input.value === "site" ? this.#camera?.warm : this.#warm.input.value;
    const warm = WARM.find((value) => value === chosen);
    if (warm && this.#camera) setText(this.#cost, costWords(this.#camera.tiers, warm));
  }

  /** Who follows the site follows its hours too. */
  #tellHours(): void {
    const follows = this.#warm.input.value === "site";
    this.#hours.element.hidden = follows;
    this.#hoursOfSite.hidden = !follows || !this.#camera?.warm_of_site || this.#camera.warm_schedule.length === 0;
  }

  async #save(): Promise<string | undefined> {
    const hours = this.#warm.input.value === "site" ? [] : this.#hours.value();
    if (hours === undefined) return undefined;
    const budget = parseBudget(this.#budget.input.value);
    this.#name.setError(this.#name.input.value.trim() === "" ? t("form.required") : "");
    this.#budget.setError(budget === undefined ? c("budget-bad") : "");
    const wrong = this.element.querySelector<HTMLElement>(":not([hidden]) > * [aria-invalid=true]");
    if (wrong || budget === undefined) {
      wrong?.focus();
      return undefined;
    }
    const own = this.#camera?.warm_of_site === false ? this.#camera.warm_schedule : [];
    const answer = await this.#app.api.patch<Camera>(`/cameras/${this.#id}`, {
      ...changed(this.#camera, { name: this.#name.input.value.trim(), warm: this.#warm.input.value, enabled: this.#enabled.checked, session_budget: budget }),
      ...(!sameHours(hours, own) && { warm_schedule: hours }),
    } satisfies ChangeCamera);
    if (answer.ok) this.#touched = false;
    await this.#app.registry.refresh();
    return this.#saver.told(answer, c("saved"));
  }
}

/** Only what differs is sent: somebody else may have changed the rest meanwhile. */
export function changed<T extends Readonly<Record<string, string | number | boolean>>>(camera: Camera | undefined, wanted: T): Partial<T> {
  const before: Readonly<Record<string, unknown>> = { ...camera, session_budget: camera?.session_budget ?? 0, ...(camera?.warm_of_site && { warm: "site" }) };
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => before[name] !== value)) as Partial<T>;
}

/** The budget that was typed; 0 for “learnt”, undefined for what is no budget. */
export function parseBudget(text: string): number | undefined {
  if (text.trim() === "") return 0;
  const budget = Number(text);
  return Number.isInteger(budget) && budget >= 0 && budget <= MOST_SESSIONS ? budget : undefined;
}

export function costWords(tiers: Camera["tiers"], warm: Warm): string {
  if (warm === "none") return c("warm-free");
  const cost = warmCost(tiers, warm);
  if (cost === undefined) return c("warm-unknown");
  const mb = new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(Math.max(0.1, cost.megabytes));
  return c("warm-cost", { rate: bitRate(cost.kbps), mb });
}

/** User and password of a camera, to be entered again. They are never shown. */
export class LoginSection implements Section {
  readonly #app: App;
  readonly #id: string;
  readonly #known = h("p", { class: "sub" });
  readonly #user = field({ name: "camera-user", label: c("user") });
  readonly #password = field({ name: "camera-password", label: c("password"), type: "password", autocomplete: "new-password" });
  readonly #saver: Saver;
  readonly element: HTMLElement;
  #camera: Camera | undefined;
  #touched = false;

  constructor(app: App, id: string) {
    this.#app = app;
    this.#id = id;
    this.#saver = new Saver(c("login-save"), () => this.#save());
    this.element = section("login", c("login"), this.#known, h("p", { class: "sub", text: c("login-lead") }),
      this.#saver.form(h("div", { class: "pair" }, this.#user.element, this.#password.element)));
    this.element.addEventListener("input", () => { this.#touched = true; });
  }

  update(camera: Camera): void {
    this.#camera = camera;
    const user = camera.source?.username;
    setText(this.#known, user ? c("login-user", { user }) : c("login-none"));
    if (!this.#touched) this.#user.input.value = user ?? "";
  }

  close(): void {
    this.element.remove();
  }

  async #save(): Promise<string | undefined> {
    const source = this.#camera?.source;
    const user = this.#user.input.value.trim();
    this.#user.setError(user === "" ? t("form.required") : "");
    if (user === "" || !source) return undefined;
    // The streams of an ONVIF camera are its device's business; those of another must be named again.
    const place = source.type === "onvif" ? { type: "onvif" } : { type: source.type, tiers: source.tiers };
    const answer = await this.#app.api.patch<Camera>(`/cameras/${this.#id}`, { source: { ...place, username: user, password: this.#password.input.value } } satisfies ChangeCamera);
    if (answer.ok) {
      this.#password.input.value = "";
      this.#touched = false;
    }
    await this.#app.registry.refresh();
    return this.#saver.told(answer, c("login-saved"));
  }
}

/** The button of a form and what it says became of it. */
class Saver {
  readonly #button: HTMLButtonElement;
  readonly #text: string;
  readonly #done = h("p", { class: "sub", role: "status" });
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #save: () => Promise<string | undefined>;

  constructor(text: string, save: () => Promise<string | undefined>) {
    this.#text = text;
    this.#save = save;
    this.#button = h("button", { type: "submit", class: "button", text });
  }

  form(...fields: readonly Node[]): HTMLElement {
    return h("form", { class: "card-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#run(); } } },
      ...fields, this.#error, h("div", { class: "form-buttons" }, this.#done, this.#button));
  }

  /** What is said of an answer; trouble is said at once. */
  told(answer: Result<unknown>, done: string): string | undefined {
    if (answer.ok) return done;
    const { problem } = answer;
    setText(this.#error, c("failed", { reason: problem.errors?.[0]?.text ?? problem.detail ?? problem.title }));
    return undefined;
  }

  async #run(): Promise<void> {
    setText(this.#error, "");
    setText(this.#done, "");
    this.#button.disabled = true;
    setText(this.#button, c("saving"));
    const done = await this.#save();
    this.#button.disabled = false;
    setText(this.#button, this.#text);
    setText(this.#done, done ?? "");
  }
}
