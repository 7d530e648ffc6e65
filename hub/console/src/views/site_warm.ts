import type { ChangeSite, Site } from "../api/types.ts";
import type { App } from "../app/app.ts";
import { WARM } from "../app/warm.ts";
import { h, setText } from "../ui/dom.ts";
import { field, type Field } from "../ui/field.ts";
import { f } from "../ui/texts_finds.ts";
import { s } from "../ui/texts_schedule.ts";
import { HoursEditor, nowWords } from "./hours_editor.ts";

/** The names of time zones that this browser knows; the hub knows more. */
const ZONES = "time-zones";
/** A clock that is ahead of the hub's does not make the page ask again and again, ms. */
const SOONEST_MS = 15_000;
/** Timers reach no further than 24 days, ms. */
const LATEST_MS = 86_400_000;

/** What the time zone fields of a page offer. */
export function zoneNames(): HTMLElement {
  return h("datalist", { id: ZONES }, ...["UTC", ...Intl.supportedValuesOf("timeZone")].map((value) => h("option", { value })));
}

/** What is kept ready at a site while nobody watches, at which hours, and by which clock. */
export class SiteWarm {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #path: string;
  readonly #warm: Field;
  readonly #zone: Field;
  readonly #now = h("p", { class: "at-work", role: "status" });
  readonly #hours: HoursEditor;
  readonly #saved = h("p", { class: "sub", role: "status" });
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #save = h("button", { type: "submit", class: "button", text: s("save"), hidden: true });
  #touched = false;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(app: App, site: Site) {
    this.#app = app;
    this.#path = `/sites/${site.id}`;
    this.#warm = field({ name: `warm-${site.id}`, label: f("site-warm"), hint: f("site-warm-hint"), choices: WARM.map((value) => ({ value, label: f(`warm.${value}`) })) });
    this.#warm.input.addEventListener("change", () => void this.#keep(this.#warm, { warm: this.#warm.input.value }));
    this.#zone = field({ name: `zone-${site.id}`, label: s("zone"), hint: s("zone-hint") });
    this.#zone.input.setAttribute("list", ZONES);
    this.#zone.input.addEventListener("change", () => void this.#keep(this.#zone, { time_zone: this.#zone.input.value.trim() }));
    this.#hours = new HoursEditor(site.id, () => {
      this.#touched = true;
      this.#save.hidden = false;
      setText(this.#saved, "");
    });
    this.element = h("form", { class: "hours-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#keepHours(); } } },
      this.#warm.element, this.#now, this.#hours.element, this.#error, h("div", { class: "form-buttons" }, this.#saved, this.#save), this.#zone.element);
    this.update(site);
  }

  /** What somebody is changing is not overwritten under the hand. */
  update(site: Site): void {
    const held = document.activeElement;
    if (this.#warm.input !== held) this.#warm.input.value = site.warm;
    if (this.#zone.input !== held) this.#zone.input.value = site.time_zone;
    if (!this.#touched) this.#hours.show(site.warm_schedule);
    setText(this.#now, nowWords(site));
    clearTimeout(this.#again);
    if (!site.warm_next_change) return;
    const left = Date.parse(site.warm_next_change) - Date.now();
    this.#again = setTimeout(() => void this.#app.registry.refresh(), Math.min(Math.max(left + 1_000, SOONEST_MS), LATEST_MS));
  }

  close(): void {
    clearTimeout(this.#again);
  }

  async #keep(changed: Field, change: ChangeSite): Promise<void> {
    const answer = await this.#app.api.patch<Site>(this.#path, change);
    changed.setError(answer.ok ? "" : (answer.problem.errors?.[0]?.text ?? answer.problem.detail ?? answer.problem.title));
    if (!answer.ok) return;
    this.#zone.input.value = answer.value.time_zone;
    await this.#app.registry.refresh();
  }

  async #keepHours(): Promise<void> {
    if (!this.#touched) return;
    const hours = this.#hours.value();
    if (hours === undefined) return;
    const answer = await this.#app.api.patch<Site>(this.#path, { warm_schedule: hours } satisfies ChangeSite);
    setText(this.#error, answer.ok ? "" : (answer.problem.errors?.[0]?.text ?? answer.problem.detail ?? answer.problem.title));
    if (!answer.ok) return;
    this.#touched = false;
    this.#hours.focus();
    this.#save.hidden = true;
    setText(this.#saved, s("saved"));
    await this.#app.registry.refresh();
  }
}
