import type { App } from "../app/app.ts";
import type { Camera, CameraEvent } from "../api/types.ts";
import { h, setText } from "../ui/dom.ts";
import { clockTime } from "../ui/language.ts";
import { c, told } from "../ui/texts_camera.ts";
import { section, type Section } from "./camera_section.ts";

/** What a camera noticed since the console was opened. */
export class EventsSection implements Section {
  readonly #app: App;
  readonly #id: string;
  readonly #none = h("p", { class: "sub" });
  readonly #list = h("ol", { class: "events" });
  readonly element = section("events", c("events"), this.#none, this.#list);
  readonly #end: () => void;
  #cannot = false;

  constructor(app: App, id: string) {
    this.#app = app;
    this.#id = id;
    this.#end = app.cameraEvents.count.subscribe(() => { this.#draw(); });
  }

  update(camera: Camera): void {
    this.#cannot = camera.device?.can.events !== true;
    this.#draw();
  }

  close(): void {
    this.#end();
  }

  #draw(): void {
    const events = this.#app.cameraEvents.of(this.#id);
    this.#none.hidden = events.length > 0;
    setText(this.#none, c(this.#cannot ? "events-cannot" : "events-none"));
    if (this.#list.children.length === events.length && this.#list.dataset.newest === String(events[0]?.at)) return;
    this.#list.dataset.newest = String(events[0]?.at);
    this.#list.replaceChildren(...events.map(row));
  }
}

function row(event: CameraEvent): HTMLElement {
  const what = [told("event", event.kind), event.active == null ? "" : c(event.active ? "event-began" : "event-over")].filter((part) => part !== "").join(" ");
  return h("li", { "data-kind": event.kind }, h("time", { class: "mono sub", text: clockTime(event.at) }), h("span", { text: what }), h("span", { class: "sub", text: event.source }));
}
