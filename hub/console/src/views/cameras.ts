import { mayOperate, type App, type View } from "../app/app.ts";
import type { Camera, TierReport } from "../api/types.ts";
import { confirm } from "../ui/confirm.ts";
import { h, icon, iconButton } from "../ui/dom.ts";
import { clockTime, reasonText, t } from "../ui/language.ts";
import { streamLine } from "../ui/streams.ts";
import { tellCamera } from "../ui/words.ts";

/** Every camera with its state in words. */
export class CamerasView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #body = h("div", { class: "page-body" });
  readonly #count = h("span", { class: "count" });
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #ends: (() => void)[];

  constructor(app: App) {
    this.#app = app;
    this.element = h("section", { class: "page", "aria-labelledby": "page-title" },
      h("div", { class: "toolbar" },
        h("h1", { class: "page-title", id: "page-title", text: t("cameras.title") }), this.#count, h("span", { class: "gap" }),
        mayOperate(app.me) ? h("a", { class: "button primary", href: "#/cameras/new" }, icon("plus"), t("cameras.add")) : undefined),
      this.#error, this.#body);
    this.#ends = [app.registry.cameras.subscribe(() => { this.#render(); }), app.registry.problem.subscribe(() => { this.#render(); })];
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  #render(): void {
    const cameras = this.#app.registry.cameras.get();
    const focused = document.activeElement?.getAttribute("aria-label");
    if (cameras === undefined) {
      this.#body.replaceChildren(h("p", { class: "notice", role: "status", text: this.#app.registry.problem.get()?.title ?? t("wall.loading") }));
      return;
    }
    this.#count.textContent = cameras.length === 1 ? t("cameras.count-one") : t("cameras.count", { n: cameras.length });
    this.#body.replaceChildren(cameras.length === 0 ? h("p", { class: "notice", text: t("cameras.none") }) : this.#table(cameras));
    // The table is drawn anew; whoever stood on a button with the keyboard stays there.
    if (focused) this.#body.querySelector<HTMLElement>(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  #table(cameras: readonly Camera[]): HTMLElement {
    const heads = [t("cameras.name"), t("cameras.state"), t("cameras.site"), t("cameras.via"), t("cameras.streams")];
    return h("table", { class: "table" },
      h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col", text })), h("th", { scope: "col" }, h("span", { class: "hidden", text: t("cameras.actions") })))),
      h("tbody", {}, ...cameras.map((camera) => this.#row(camera))));
  }

  #row(camera: Camera): HTMLElement {
    const { registry } = this.#app;
    const { tone, word } = tellCamera(camera.state);
    const reason = camera.state.reason;
    const words = reason ? reasonText(reason) : "";
    const since = camera.state.since ? t("cameras.since", { time: clockTime(camera.state.since) }) : "";
    const device = registry.devices.find(({ id }) => id === camera.via);
    const via = device ? (device.online ? device.name : t("cameras.device-offline", { name: device.name })) : camera.via === "node" ? t("cameras.hub") : camera.via;
    return h("tr", { "data-camera": camera.id, "data-tone": tone },
      h("th", { scope: "row" }, h("a", { href: `#/cameras/${camera.id}`, text: camera.name })),
      h("td", { "data-label": t("cameras.state") },
        h("span", { class: "chip", "data-tone": tone }, h("span", { class: "mark", "aria-hidden": "true" }), word),
        h("span", { class: "sub", text: [words, since].filter((part) => part !== "").join(", ") })),
      h("td", { "data-label": t("cameras.site"), text: registry.sites.find(({ id }) => id === camera.site_id)?.name ?? "" }),
      h("td", { "data-label": t("cameras.via"), text: via }),
      h("td", { "data-label": t("cameras.streams") }, ...camera.tiers.map(tierLine)),
      h("td", { class: "actions" }, mayOperate(this.#app.me) ? iconButton("bin", t("cameras.remove", { name: camera.name }), () => void this.#remove(camera)) : undefined));
  }

  async #remove(camera: Camera): Promise<void> {
    if (!(await confirm(t("cameras.remove-ask", { name: camera.name })))) return;
    const answer = await this.#app.api.delete(`/cameras/${camera.id}`);
    this.#error.textContent = answer.ok ? "" : (answer.problem.detail ?? answer.problem.title);
    await this.#app.registry.refresh();
  }
}

function tierLine(tier: TierReport): HTMLElement {
  const line = streamLine({ ...tier, bitrate_kbps: null });
  return h("div", { class: "tier" }, h("span", { class: "tier-name", text: tier.tier }), line === "" ? t("cameras.stream-unknown") : line);
}
