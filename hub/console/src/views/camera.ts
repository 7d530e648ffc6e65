import type { App, View } from "../app/app.ts";
import { mayOperate } from "../app/app.ts";
import type { Camera } from "../api/types.ts";
import type { Poster } from "../app/posters.ts";
import { h, icon, setText } from "../ui/dom.ts";
import { clockTime, reasonText, t } from "../ui/language.ts";
import { c, cameraEn, type CameraKey } from "../ui/texts_camera.ts";
import { tellCamera } from "../ui/words.ts";
import { DoctorSection } from "./camera_doctor.ts";
import { EventsSection } from "./camera_events.ts";
import { DeviceSection, StreamsSection } from "./camera_facts.ts";
import { section, type Section } from "./camera_section.ts";
import { HeldSection } from "./camera_sessions.ts";
import { LoginSection, SettingsSection } from "./camera_settings.ts";
import { PosterBox } from "./poster_box.ts";

/** What lists do not tell of a camera is read this often, ms. */
const READ_EVERY_MS = 5_000;

/** One camera: how it stands and what to do, what it is, what it sends, and how it is set. */
export class CameraView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #id: string;
  readonly #title = h("h1", { class: "page-title", id: "page-title" });
  readonly #place = h("span", { class: "count" });
  readonly #chip = h("span", { class: "chip" });
  readonly #word = h("span");
  readonly #why = h("p", { class: "state-why" });
  readonly #todo = h("p", { class: "state-todo" });
  readonly #taken = h("p", { class: "sub" });
  readonly #poster: PosterBox;
  readonly #gone = h("p", { class: "notice", role: "status", text: c("gone"), hidden: true });
  readonly #body = h("div", { class: "page-body camera-page" });
  readonly #sections: readonly Section[];
  readonly #ends: (() => void)[];
  readonly #timer: ReturnType<typeof setInterval>;
  #detail: Camera | undefined;
  #stood = "";

  constructor(app: App, id: string) {
    this.#app = app;
    this.#id = id;
    this.#poster = new PosterBox(app.posters, (poster) => { this.#tellPoster(poster); });
    this.#chip.append(h("span", { class: "mark", "aria-hidden": "true" }), this.#word);
    const state = section("state", c("state"), this.#poster.element, this.#taken, h("div", { role: "status" }, this.#chip, this.#why, this.#todo));
    this.#sections = sections(app, id);
    const [first, ...others] = [state, ...this.#sections.map(({ element }) => element)];
    this.#body.append(first, ...others);
    this.element = h("section", { class: "page", "aria-labelledby": "page-title" },
      h("div", { class: "toolbar" }, h("a", { class: "icon-button", href: "#/cameras", "aria-label": c("all"), title: c("all") }, icon("left")), this.#title, this.#place), this.#gone, this.#body);
    this.#poster.show(id);
    this.#ends = [app.registry.cameras.subscribe(() => { this.#render(); })];
    void this.#read();
    this.#timer = setInterval(() => void this.#read(), READ_EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const end of this.#ends) end();
    for (const one of this.#sections) one.close();
    this.#poster.close();
  }

  async #read(): Promise<void> {
    if (document.hidden) return;
    const answer = await this.#app.api.get<Camera>(`/cameras/${this.#id}`);
    if (answer.ok) this.#detail = answer.value;
    this.#render();
  }

  #render(): void {
    const listed = this.#app.registry.camera(this.#id);
    // The list hears of a state first; everything else the camera's own answer knows better.
    const camera = this.#detail && listed ? { ...this.#detail, state: listed.state } : (this.#detail ?? listed);
    const known = this.#app.registry.cameras.get() !== undefined;
    const gone = known && listed === undefined;
    this.#gone.hidden = !gone;
    this.#body.hidden = gone || camera === undefined;
    if (gone || camera === undefined) return;
    setText(this.#title, camera.name);
    setText(this.#place, this.#app.registry.sites.find(({ id }) => id === camera.site_id)?.name ?? "");
    this.#tellState(camera);
    for (const one of this.#sections) one.update(camera);
  }

  #tellState(camera: Camera): void {
    const { tone, word } = tellCamera(camera.state);
    const reason = camera.state.reason;
    this.element.dataset.tone = tone;
    this.element.dataset.camera = camera.id;
    this.#chip.dataset.tone = tone;
    setText(this.#word, word);
    const since = camera.state.since ? t("cameras.since", { time: clockTime(camera.state.since) }) : "";
    setText(this.#why, [reason ? reasonText(reason) : "", since].filter((part) => part !== "").join(", "));
    setText(this.#todo, whatToDo(reason?.code, tone));
    // A camera that got well may have a picture now.
    if (tone !== this.#stood && tone === "live") this.#poster.again();
    this.#stood = tone;
  }

  #tellPoster(poster: Poster | undefined): void {
    setText(this.#taken, poster?.capturedAt === undefined ? (poster ? "" : c("picture-none")) : c("picture", { time: clockTime(poster.capturedAt) }));
  }
}

/** What a person can do about a state; nothing where the word is enough. */
export function whatToDo(reason: string | undefined, tone: string): string {
  const key = `todo.${reason ?? ""}`;
  if (key in cameraEn) return c(key as CameraKey);
  return tone === "live" ? c("well") : "";
}

/** What a user may not change is not offered. */
function sections(app: App, id: string): readonly Section[] {
  const seen: Section[] = [new StreamsSection(), new DeviceSection(), new DoctorSection(app, id), new HeldSection(app, id)];
  if (mayOperate(app.me)) seen.push(new SettingsSection(app, id), new LoginSection(app, id));
  return [...seen, new EventsSection(app, id)];
}
