import { mayOperate, type App, type View } from "../app/app.ts";
import type { Page, PlaySessionRow } from "../api/types.ts";
import { h } from "../ui/dom.ts";
import { clockTime, t } from "../ui/language.ts";
import { protocolName } from "../ui/words.ts";
import { en, type TextKey } from "../ui/texts.ts";

const READ_EVERY_MS = 2_000;

/** Who watches what. */
export class SessionsView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #body = h("div", { class: "page-body" });
  readonly #timer: ReturnType<typeof setInterval>;
  #drawn = "";

  constructor(app: App) {
    this.#app = app;
    this.element = h("section", { class: "page", "aria-labelledby": "page-title" },
      h("div", { class: "toolbar" }, h("h1", { class: "page-title", id: "page-title", text: t("sessions.title") })), this.#body);
    void this.#read();
    this.#timer = setInterval(() => void this.#read(), READ_EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<void> {
    const answer = await this.#app.api.get<Page<PlaySessionRow>>("/sessions");
    const drawn = JSON.stringify(answer);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (!answer.ok) {
      this.#body.replaceChildren(h("p", { class: "notice", role: "status", text: answer.problem.title }));
      return;
    }
    const rows = answer.value.items;
    this.#body.replaceChildren(rows.length === 0 ? h("p", { class: "notice", role: "status", text: t("sessions.none") }) : this.#table(rows));
  }

  #table(rows: readonly PlaySessionRow[]): HTMLElement {
    const heads = [t("sessions.camera"), t("sessions.viewer"), t("sessions.how"), t("sessions.state"), t("sessions.since")];
    return h("table", { class: "table" },
      h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col", text })), h("th", { scope: "col" }, h("span", { class: "hidden", text: t("cameras.actions") })))),
      h("tbody", {}, ...rows.map((row) => this.#row(row))));
  }

  #row(row: PlaySessionRow): HTMLElement {
    const camera = this.#app.registry.camera(row.camera_id)?.name ?? row.camera_id;
    const key = `session.${row.state}`;
    return h("tr", { "data-session": row.id },
      h("th", { scope: "row", text: camera }),
      h("td", { "data-label": t("sessions.viewer"), text: row.viewer }),
      h("td", { "data-label": t("sessions.how"), text: `${protocolName(row.protocol)} · ${row.tier}` }),
      h("td", { "data-label": t("sessions.state"), text: key in en ? t(key as TextKey) : row.state }),
      h("td", { "data-label": t("sessions.since"), text: clockTime(row.started_at) }),
      h("td", { class: "actions" }, mayOperate(this.#app.me) ? h("button", { type: "button", class: "button small", "aria-label": t("sessions.end-label", { viewer: row.viewer, camera }), text: t("sessions.end"), on: { click: () => void this.#end(row.id) } }) : undefined));
  }

  async #end(id: string): Promise<void> {
    await this.#app.api.delete(`/sessions/${id}`);
    await this.#read();
  }
}
