import type { WarmWindow } from "../api/types.ts";
import { DAYS, dayName, endsNextDay, missing, MOST_HOURS, OFFICE_HOURS, placeTime, sameHours } from "../app/hours.ts";
import { WARM } from "../app/warm.ts";
import { h, icon, iconButton, setText } from "../ui/dom.ts";
import { language } from "../ui/language.ts";
import { f } from "../ui/texts_finds.ts";
import { s } from "../ui/texts_schedule.ts";

/** The hours at which something else is kept ready: a row for each window, in the order in which they win. */
export class HoursEditor {
  readonly element: HTMLElement;
  readonly #name: string;
  readonly #lead = h("p", { class: "sub" });
  readonly #rows = h("div", { class: "hours-rows" });
  readonly #add = h("button", { type: "button", class: "button small quiet" }, icon("plus"), s("add"));
  readonly #changed: () => void;
  #hours: Hours[] = [];

  /** `name` tells it from others on the page. */
  constructor(name: string, changed: () => void) {
    this.#name = name;
    this.#changed = changed;
    this.#add.addEventListener("click", () => { this.#append(); });
    this.element = h("fieldset", { class: "hours" }, h("legend", { text: s("title") }), this.#lead, this.#rows, this.#add);
  }

  /** Shows these, and touches nothing where they stand already: the focus may be in them. */
  show(windows: readonly WarmWindow[], timeZone?: string): void {
    setText(this.#lead, timeZone === undefined ? s("lead") : s("clock", { zone: timeZone }));
    if (!sameHours(windows, this.#hours.map((hours) => hours.value()))) this.#lay(windows);
  }

  focus(): void {
    this.#add.focus();
  }

  /** What was laid down; undefined where something is missing, which is then told at its row and has the focus. */
  value(): WarmWindow[] | undefined {
    const windows = this.#hours.map((hours) => hours.value());
    const wrong = windows.map((window, at) => this.#hours[at]?.tell(missing(window))).filter((row) => row !== undefined);
    wrong[0]?.focus();
    return wrong.length > 0 ? undefined : windows;
  }

  #lay(windows: readonly WarmWindow[]): void {
    this.#hours = windows.map((window, at) => new Hours(`${this.#name}-${at}`, at + 1, window, { changed: this.#changed, remove: () => { this.#remove(at); } }));
    this.#rows.replaceChildren(...this.#hours.map(({ element }) => element));
    this.#add.disabled = windows.length >= MOST_HOURS;
  }

  #append(): void {
    this.#lay([...this.#hours.map((hours) => hours.value()), OFFICE_HOURS]);
    this.#hours.at(-1)?.focus();
    this.#changed();
  }

  #remove(gone: number): void {
    this.#lay(this.#hours.map((hours) => hours.value()).filter((_, at) => at !== gone));
    const next = this.#hours[Math.min(gone, this.#hours.length - 1)];
    if (next) next.focus();
    else this.focus();
    this.#changed();
  }
}

interface HoursDo {
  readonly changed: () => void;
  readonly remove: () => void;
}

/** One window: its days, its two times, and what is kept ready meanwhile. */
class Hours {
  readonly element: HTMLElement;
  readonly #days: readonly HTMLInputElement[];
  readonly #from: HTMLInputElement;
  readonly #to: HTMLInputElement;
  readonly #warm = h("select", { "aria-label": s("kept") }, ...WARM.map((value) => h("option", { value, text: f(`warm.${value}`) })));
  readonly #next = h("span", { class: "sub" });
  readonly #error;

  constructor(name: string, place: number, window: WarmWindow, { changed, remove }: HoursDo) {
    const error = `hours-${name}-error`;
    this.#error = h("p", { class: "field-error", id: error });
    this.#days = DAYS.map((day, at) => h("input", { type: "checkbox", value: day, checked: window.days.includes(day), "aria-label": dayName(at, language(), "long"), "aria-describedby": error }));
    this.#from = h("input", { type: "time", value: window.from, required: true, "aria-label": s("from"), "aria-describedby": error });
    this.#to = h("input", { type: "time", value: window.to, required: true, "aria-label": s("to"), "aria-describedby": error });
    this.#warm.value = window.warm;
    const days = this.#days.map((box, at) => h("label", {}, box, h("span", { "aria-hidden": "true", text: dayName(at, language(), "short") })));
    this.element = h("div", { class: "hours-row", role: "group", "aria-label": s("hours", { n: place }) },
      h("div", { class: "layouts hours-days", role: "group", "aria-label": s("days") }, ...days),
      h("div", { class: "hours-times" }, this.#from, h("span", { "aria-hidden": "true", text: "–" }), this.#to, this.#warm, this.#next),
      iconButton("bin", s("remove", { n: place }), remove, "hours-remove"),
      this.#error);
    this.element.addEventListener("input", () => {
      this.tell(undefined);
      this.#tellNext();
      changed();
    });
    this.#tellNext();
  }

  value(): WarmWindow {
    const days = this.#days.filter(({ checked }) => checked).map(({ value }) => value);
    return { days, from: this.#from.value, to: this.#to.value, warm: this.#warm.value };
  }

  /** Says what is missing; answers itself if something is. */
  tell(what: "no-day" | "no-time" | undefined): this | undefined {
    setText(this.#error, what === undefined ? "" : s(what));
    for (const [input, wrong] of [...this.#days.map((day) => [day, what === "no-day"] as const), [this.#from, what === "no-time"] as const, [this.#to, what === "no-time"] as const]) {
      if (wrong) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    return what === undefined ? undefined : this;
  }

  focus(): void {
    this.#days[0]?.focus();
  }

  #tellNext(): void {
    setText(this.#next, endsNextDay(this.value()) ? s("next-day") : "");
  }
}

/** What the hub tells of a policy and its hours. */
export interface Kept {
  readonly warm_schedule: readonly WarmWindow[];
  readonly warm_now: string;
  readonly warm_next_change?: string | null;
  readonly time_zone: string;
}

/** Says what is kept ready now and until when; nothing where no hours are set and the choice above says it all. */
export function nowWords({ warm_schedule: hours, warm_now: now, warm_next_change: next, time_zone: zone }: Kept): string {
  const warm = WARM.find((value) => value === now);
  if (hours.length === 0 || warm === undefined) return "";
  const what = f(`warm.${warm}`);
  return next ? s("now-until", { what, time: placeTime(next, zone, language()) }) : s("now", { what });
}
