import type { App } from "../app/app.ts";
import type { Discovery } from "../api/types.ts";
import type { FindGroup } from "../app/find_groups.ts";
import { h, setText } from "../ui/dom.ts";
import { f } from "../ui/texts_finds.ts";
import { FindRow, type FindEvents } from "./find_row.ts";

/** Rows of one device drawn at first; a flood of a thousand must not hold up the page. */
const DRAWN_AT_FIRST = 100;

/** One device's found cameras: a heading and their rows. */
class Group {
  readonly element: HTMLElement;
  readonly #all: HTMLInputElement;
  readonly #title: HTMLElement;
  readonly #note: HTMLElement;
  readonly #rows: HTMLElement;
  readonly #more: HTMLButtonElement;
  #limit = DRAWN_AT_FIRST;

  constructor(id: string, onAll: (picked: boolean) => void, onMore: () => void) {
    this.#all = h("input", { type: "checkbox", class: "pick", on: { change: () => { onAll(this.#all.checked); } } });
    this.#title = h("h2", { id: `group-${id}` });
    this.#note = h("p", { class: "sub" });
    this.#rows = h("ul", { class: "find-list", "aria-labelledby": `group-${id}` });
    this.#more = h("button", { type: "button", class: "button small", on: { click: () => {
      this.#limit = Infinity;
      onMore();
    } } });
    this.element = h("section", { class: "find-group", "data-device": id }, h("div", { class: "find-head" }, h("label", { class: "find-pick" }, this.#all), this.#title, this.#note), this.#rows, this.#more);
  }

  get limit(): number {
    return this.#limit;
  }

  update(group: FindGroup, rows: readonly FindRow[]): void {
    const device = group.device?.name ?? f("unknown-device");
    const title = group.site === "" ? device : f("group", { site: group.site, device });
    setText(this.#title, title);
    setText(this.#note, group.device && !group.device.online ? f("device-offline", { device }) : "");
    const pickable = rows.filter((row) => row.element.dataset.state !== "accepted");
    this.#all.setAttribute("aria-label", f("select-all", { group: title }));
    this.#all.hidden = pickable.length === 0;
    const picked = pickable.filter((row) => row.picked).length;
    this.#all.checked = picked > 0 && picked === pickable.length;
    this.#all.indeterminate = picked > 0 && picked < pickable.length;
    const left = group.items.length - rows.length;
    this.#more.hidden = left <= 0;
    setText(this.#more, f("more", { n: left }));
    place(this.#rows, rows.map((row) => row.element));
  }
}

/** The found cameras by device. Rows and groups live as long as what they show. */
export class FindGroups {
  readonly element = h("div", { class: "find-groups" });
  readonly #app: App;
  readonly #events: FindEvents;
  readonly #rows = new Map<string, FindRow>();
  readonly #groups = new Map<string, Group>();
  #shown: readonly FindGroup[] = [];

  constructor(app: App, events: FindEvents) {
    this.#app = app;
    this.#events = { ...events, picked: (id, picked) => {
      this.#drawGroups();
      events.picked(id, picked);
    } };
  }

  close(): void {
    for (const row of this.#rows.values()) row.close();
  }

  /** What is picked among what is shown. */
  picked(): readonly Discovery[] {
    return this.#shown.flatMap(({ items }) => items.filter(({ id }) => this.#rows.get(id)?.picked));
  }

  pickNone(): void {
    for (const row of this.#rows.values()) row.pick(false);
    this.#drawGroups();
    this.#events.picked("", false);
  }

  update(groups: readonly FindGroup[]): void {
    this.#shown = groups;
    this.#draw();
  }

  #draw(): void {
    const drawn = new Set(this.#shown.flatMap((group) => this.#limited(group).map(({ id }) => id)));
    for (const [id, row] of this.#rows) {
      if (drawn.has(id)) continue;
      row.close();
      this.#rows.delete(id);
    }
    this.#drawGroups();
  }

  #drawGroups(): void {
    const elements = this.#shown.map((group) => {
      const known = this.#groups.get(group.deviceId) ?? this.#group(group.deviceId);
      known.update(group, this.#limited(group).map((find) => this.#row(find)));
      return known.element;
    });
    place(this.element, elements);
  }

  #limited(group: FindGroup): readonly Discovery[] {
    return group.items.slice(0, this.#groups.get(group.deviceId)?.limit ?? DRAWN_AT_FIRST);
  }

  #group(deviceId: string): Group {
    const group = new Group(deviceId, (picked) => {
      const shown = this.#shown.find((one) => one.deviceId === deviceId);
      for (const { id, camera_id: accepted } of shown ? this.#limited(shown) : []) if (accepted == null) this.#rows.get(id)?.pick(picked);
      this.#drawGroups();
      this.#events.picked("", picked);
    }, () => { this.#draw(); });
    this.#groups.set(deviceId, group);
    return group;
  }

  #row(find: Discovery): FindRow {
    const known = this.#rows.get(find.id);
    if (known) {
      known.update(find);
      return known;
    }
    const row = new FindRow(this.#app, find, this.#events);
    this.#rows.set(find.id, row);
    return row;
  }
}

/** Puts children in order and leaves alone what stands there already: moving an element takes its focus. */
function place(parent: HTMLElement, children: readonly HTMLElement[]): void {
  const wanted = new Set<Element>(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, at) => { if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null); });
}
