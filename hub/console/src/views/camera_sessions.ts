import type { App } from "../app/app.ts";
import type { HeldSession, HeldSessions } from "../api/types.ts";
import { h, setText } from "../ui/dom.ts";
import { clockTime } from "../ui/language.ts";
import { c, told } from "../ui/texts_camera.ts";
import { section, type Section } from "./camera_section.ts";

const READ_EVERY_MS = 3_000;

/** Which sessions an edge holds of a camera, and how many it may. */
export class HeldSection implements Section {
  readonly #app: App;
  readonly #id: string;
  readonly #summary = h("p", {});
  readonly #list = h("ul", { class: "held" });
  readonly element = section("sessions", c("sessions"), h("p", { class: "sub", text: c("sessions-lead") }), this.#summary, this.#list);
  readonly #timer: ReturnType<typeof setInterval>;
  #drawn = "";

  constructor(app: App, id: string) {
    this.#app = app;
    this.#id = id;
    void this.#read();
    this.#timer = setInterval(() => void this.#read(), READ_EVERY_MS);
  }

  update(): void {
    // It has its own reading: what is held changes without the camera changing.
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<void> {
    if (document.hidden) return;
    const answer = await this.#app.api.get<HeldSessions>(`/cameras/${this.#id}/sessions`);
    const drawn = JSON.stringify(answer);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (!answer.ok) {
      setText(this.#summary, c("sessions-unknown", { reason: answer.problem.detail ?? answer.problem.title }));
      this.#list.replaceChildren();
      return;
    }
    setText(this.#summary, heldWords(answer.value));
    this.#list.replaceChildren(...answer.value.items.map(row));
  }
}

/** How many are held, against how many may be. */
export function heldWords({ budget, items }: HeldSessions): string {
  // A question is over in a moment, and one that waits holds nothing.
  const held = items.filter(({ state }) => state !== "waiting").length;
  if (budget != null && budget > 0) return c("sessions-budget", { n: held, budget });
  return items.length === 0 ? c("sessions-none") : c("sessions-no-budget", { n: held });
}

const TONES: Readonly<Record<string, string>> = { waiting: "late", opening: "wait", open: "live", leaving: "off" };

function row(session: HeldSession): HTMLElement {
  return h("li", { "data-tone": TONES[session.state] ?? "off" },
    h("span", { class: "mark", "aria-hidden": "true" }),
    h("span", { text: `${told("session.kind", session.kind)}: ${told("tier", session.purpose)}` }),
    h("span", { class: "sub", text: `${told("session", session.state)}, ${clockTime(session.since)}` }));
}
