import type { App } from "../app/app.ts";
import type { Discovery } from "../api/types.ts";
import { acceptable, findName, tryable } from "../app/find_groups.ts";
import { h, icon } from "../ui/dom.ts";
import { clockTime, span } from "../ui/language.ts";
import { codecName, streamLine } from "../ui/streams.ts";
import { f, findsEn, type FindsKey } from "../ui/texts_finds.ts";
import type { Tone } from "../ui/words.ts";
import { PosterBox } from "./poster_box.ts";

/** What can be done with one found camera. */
export interface FindEvents {
  picked(id: string, picked: boolean): void;
  accept(find: Discovery): void;
  tryAt(find: Discovery): void;
  ignore(find: Discovery, ignored: boolean): void;
}

const TONES: Readonly<Record<string, Tone>> = {
  "asking": "wait", "needs-credentials": "late", "refused": "bad", "understood": "live", "silent": "off", "not-usable": "bad", "changed": "late",
};

/** A clock that is off by less than this is no trouble, ms. */
const CLOCK_OFF_MS = 5_000;

/** The state of a found camera: its colour, its word, and what to do. */
export function tellFind(find: Discovery): { readonly tone: Tone; readonly word: string; readonly advice: readonly string[] } {
  if (find.camera_id != null) return { tone: "live", word: f("state.accepted"), advice: [] };
  const word = `state.${find.state}`;
  const todo = `do.${find.state}`;
  const advice = [find.text, todo in findsEn ? f(todo as FindsKey) : ""];
  if (find.state === "silent") advice.unshift(f("seen", { time: clockTime(find.last_seen) }));
  return { tone: TONES[find.state] ?? "off", word: word in findsEn ? f(word as FindsKey) : find.state, advice: advice.filter((part) => part !== "") };
}

/** What is worth knowing beside the streams, in a few words. */
export function tellAbilities(find: Discovery): readonly string[] {
  const off = find.clock_offset_ms ?? 0;
  return [
    find.audio_codec ? f("sound", { codec: codecName(find.audio_codec) }) : "",
    find.can.ptz ? f("ptz") : "",
    find.can.events ? f("events") : "",
    Math.abs(off) > CLOCK_OFF_MS ? f("clock-off", { span: span(Math.abs(off)) }) : "",
  ].filter((part) => part !== "");
}

/** One found camera in the list. It stays the same element while what it tells changes, so that focus and choice stay. */
export class FindRow {
  readonly element: HTMLElement;
  readonly #box: HTMLInputElement;
  readonly #content = h("div", { class: "find-content" });
  readonly #events: FindEvents;
  readonly #poster: PosterBox;
  #told = "";
  #find: Discovery;

  constructor(app: App, find: Discovery, events: FindEvents) {
    this.#find = find;
    this.#events = events;
    this.#poster = new PosterBox(app.posters);
    this.#box = h("input", { type: "checkbox", class: "pick", on: { change: () => { events.picked(this.#find.id, this.#box.checked); } } });
    this.element = h("li", { class: "find", "data-find": find.id }, h("label", { class: "find-pick" }, this.#box), this.#poster.element, this.#content);
    this.update(find);
  }

  get picked(): boolean {
    return this.#box.checked;
  }

  pick(picked: boolean): void {
    this.#box.checked = picked;
  }

  update(find: Discovery): void {
    this.#find = find;
    const told = JSON.stringify(find);
    if (told === this.#told) return;
    this.#told = told;
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-act") : undefined;
    const { tone, word, advice } = tellFind(find);
    this.element.dataset.tone = tone;
    this.element.dataset.state = find.camera_id == null ? find.state : "accepted";
    this.#box.setAttribute("aria-label", f("select", { name: this.#name() }));
    this.#box.hidden = find.camera_id != null;
    this.#poster.show(find.camera_id ?? undefined);
    this.#content.replaceChildren(this.#who(), state(tone, word, advice), this.#streams(), this.#actions());
    if (focused) this.element.querySelector<HTMLElement>(`[data-act="${focused}"]`)?.focus();
  }

  close(): void {
    this.#poster.close();
  }

  /** What tells two channels of one recorder apart. */
  #name(): string {
    return this.#find.channel > 0 ? `${findName(this.#find)}, ${f("channel", { n: this.#find.channel + 1 })}` : findName(this.#find);
  }

  #who(): HTMLElement {
    const { manufacturer, model, firmware, address, camera_id: id } = this.#find;
    const name = this.#name();
    const maker = `${manufacturer} ${model}`.trim();
    const made = [maker === name ? "" : maker, firmware].filter((part) => part !== "").join(" · ");
    return h("div", { class: "find-who" },
      h("h3", {}, id == null ? name : h("a", { href: `#/cameras/${id}`, text: name })),
      made === "" ? undefined : h("p", { class: "sub", text: made }),
      h("p", { class: "sub mono", text: address ?? "" }));
  }

  #streams(): HTMLElement {
    const { tiers, warnings, credential, state } = this.#find;
    const lines = tiers.map((tier) => h("div", { class: "tier" }, h("span", { class: "tier-name", text: tier.tier ?? "–" }), streamLine(tier)));
    const opened = state !== "understood" ? "" : credential ? f("opened-by", { user: credential.username }) : f("opened-freely");
    const rest = [...tellAbilities(this.#find), opened].filter((part) => part !== "").join(" · ");
    return h("div", { class: "find-streams" }, ...lines,
      lines.length === 0 ? undefined : h("p", { class: "sub", text: rest }),
      ...warnings.map(({ text }) => h("p", { class: "warning", text })));
  }

  #actions(): HTMLElement {
    const find = this.#find;
    const name = this.#name();
    const button = (act: string, text: string, label: string, run: () => void, kind = ""): HTMLElement =>
      h("button", { type: "button", class: `button small ${kind}`, "data-act": act, "aria-label": label, text, on: { click: run } });
    const open = find.camera_id == null ? undefined : h("a", { class: "button small", "data-act": "open", href: `#/cameras/${find.camera_id}`, "aria-label": f("open-one", { name }) }, icon("right"));
    return h("div", { class: "find-actions" },
      acceptable(find) && !find.ignored ? button("accept", f("accept"), f("accept-one", { name }), () => { this.#events.accept(find); }, "primary") : undefined,
      tryable(find) && !acceptable(find) && !find.ignored ? button("try", f("try"), f("try-one", { name }), () => { this.#events.tryAt(find); }) : undefined,
      find.camera_id != null ? open : button("ignore", f(find.ignored ? "unignore" : "ignore"), f(find.ignored ? "unignore-one" : "ignore-one", { name }), () => { this.#events.ignore(find, !find.ignored); }, "quiet"));
  }
}

function state(tone: Tone, word: string, advice: readonly string[]): HTMLElement {
  return h("div", { class: "find-state" },
    h("span", { class: "chip", "data-tone": tone }, h("span", { class: "mark", "aria-hidden": "true" }), word),
    ...advice.map((text) => h("p", { class: "sub", text })));
}
