import type { App } from "../app/app.ts";
import type { Result } from "../api/client.ts";
import type { Move } from "../api/types.ts";
import { recall, remember } from "../app/memory.ts";
import { CONTROL_CHANNEL, PtzLine } from "../app/ptz_line.ts";
import { DEAD_MAN_MS, directionOf, PtzHold, type Direction, type PtzInput, type PtzOrder } from "../app/ptz_hold.ts";
import type { Player } from "../player/player.ts";
import { h, icon, iconButton, setText, type IconName } from "../ui/dom.ts";
import { p } from "../ui/texts_ptz.ts";
import { PtzPresets } from "./ptz_presets.ts";

const SPEEDS = { slow: 0.25, medium: 0.5, fast: 1 } as const;
type Speed = keyof typeof SPEEDS;

/** Where the buttons of the pad stand, row by row. */
const PAD: readonly (readonly [Direction, IconName])[] = [["up", "up"], ["left", "left"], ["right", "right"], ["down", "down"], ["in", "plus"], ["out", "minus"]];

/** Turns one camera from its tile: by keys, by buttons that are held, and to places it remembers. */
export class PtzPanel {
  readonly button: HTMLButtonElement;
  readonly element: HTMLElement;
  readonly #id: string;
  readonly #root: HTMLElement;
  readonly #hold: PtzHold;
  readonly #line: PtzLine;
  readonly #presets: PtzPresets;
  readonly #error = h("p", { class: "ptz-error", role: "alert" });
  readonly #life = new AbortController();
  readonly #end: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(app: App, camera: { readonly id: string; readonly name: string }, root: HTMLElement, player: Player) {
    this.#id = camera.id;
    this.#root = root;
    const speed = recallSpeed();
    this.#hold = new PtzHold(SPEEDS[speed]);
    this.#line = new PtzLine(() => player.channel(CONTROL_CHANNEL), (move) => app.api.post(`/cameras/${camera.id}/ptz`, move));
    const move = (asked: Move): Promise<Result<unknown>> => this.#line.send(asked);
    this.#presets = new PtzPresets(app, camera.id, move, (text) => { setText(this.#error, text); });
    this.button = iconButton("move", p("open", { name: camera.name }), () => { this.#toggle(); });
    this.element = h("div", { class: "ptz", role: "group", "aria-label": p("panel", { name: camera.name }) },
      h("div", { class: "ptz-pad" }, ...PAD.map(([direction, picture]) => this.#padButton(direction, picture))),
      this.#speedChooser(speed), this.#presets.button, this.#presets.panel, this.#error);
    this.#listen();
    this.#end = player.state.subscribe(({ kind }) => {
      const playing = kind === "playing";
      this.#line.prepare();
      this.element.hidden = !playing;
      this.button.hidden = !playing;
      if (!playing) this.#handle({ kind: "let-go" });
    });
  }

  close(): void {
    this.#handle({ kind: "let-go" });
    this.#line.close();
    this.#end();
    this.#life.abort();
    clearTimeout(this.#timer);
    this.element.remove();
    this.button.remove();
  }

  /** It is open where somebody opened it, and in a tile that has the wall for itself unless somebody closed it. */
  get #open(): boolean {
    const { open } = this.element.dataset;
    return !this.element.hidden && (open === "yes" || (open !== "no" && this.#alone));
  }

  get #alone(): boolean {
    return this.#root.matches(":only-child");
  }

  #toggle(): void {
    const open = !this.#open;
    this.element.dataset.open = open ? "yes" : "no";
    this.button.setAttribute("aria-pressed", String(open));
    if (!open) this.#handle({ kind: "let-go" });
  }

  #listen(): void {
    const { signal } = this.#life;
    const letGo = (): void => { this.#handle({ kind: "let-go" }); };
    // Before the tile itself: its arrow keys are the volume's where no camera is turned by them.
    this.#root.addEventListener("keydown", (event) => { this.#key(event); }, { capture: true, signal });
    window.addEventListener("keydown", (event) => { if (event.target === document.body && this.#alone) this.#key(event); }, { capture: true, signal });
    window.addEventListener("keyup", (event) => {
      const direction = directionOf(event.key);
      if (direction) this.#handle({ kind: "released", direction });
    }, { capture: true, signal });
    window.addEventListener("blur", letGo, { signal });
    document.addEventListener("visibilitychange", () => { if (document.hidden) letGo(); }, { signal });
    this.#root.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node && this.#root.contains(event.relatedTarget))) letGo();
    }, { signal });
  }

  #key(event: KeyboardEvent): void {
    const direction = directionOf(event.key);
    if (direction === undefined || !this.#open || event.ctrlKey || event.metaKey || event.altKey) return;
    // Sliders, choices and names have arrow keys of their own.
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.#handle({ kind: "pressed", direction });
  }

  #padButton(direction: Direction, picture: IconName): HTMLElement {
    const button = h("button", { type: "button", class: `ptz-button ptz-${direction}`, "aria-label": p(direction), title: p(direction) }, icon(picture));
    const press = (): void => { this.#handle({ kind: "pressed", direction }); };
    const release = (): void => { this.#handle({ kind: "released", direction }); };
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      press();
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(kind, release);
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      if (!event.repeat) press();
    });
    button.addEventListener("keyup", (event) => { if (event.key === "Enter" || event.key === " ") release(); });
    return button;
  }

  #speedChooser(chosen: Speed): HTMLElement {
    const choices = (Object.keys(SPEEDS) as Speed[]).map((speed) => {
      const input = h("input", { type: "radio", name: `ptz-speed-${this.#id}`, value: speed, on: { change: () => {
        remember("ptz-speed", speed);
        this.#handle({ kind: "speed", speed: SPEEDS[speed] });
      } } });
      input.checked = speed === chosen;
      return h("label", {}, input, h("span", { text: p(`speed.${speed}`) }));
    });
    return h("fieldset", { class: "layouts ptz-speed" }, h("legend", { class: "hidden", text: p("speed") }), ...choices);
  }

  #handle(input: PtzInput): void {
    const now = performance.now();
    this.#hold.handle(now, input);
    for (let order = this.#hold.poll(); order; order = this.#hold.poll()) void this.#send(order);
    clearTimeout(this.#timer);
    const deadline = this.#hold.deadline();
    if (deadline !== undefined) this.#timer = setTimeout(() => { this.#handle({ kind: "tick" }); }, Math.max(0, deadline - now));
    this.element.dataset.moving = String(this.#hold.moving);
  }

  async #send(order: PtzOrder): Promise<void> {
    const body: Move = order.kind === "stop" ? { stop: true } : { continuous: { ...order.motion, for_ms: DEAD_MAN_MS } };
    const answer = await this.#line.send(body);
    setText(this.#error, answer.ok ? "" : (answer.problem.detail ?? answer.problem.title));
    // What the camera refuses is not asked for again and again while the key is down.
    if (!answer.ok) this.#hold.handle(performance.now(), { kind: "let-go" });
    this.#handle({ kind: "answered" });
  }
}

function recallSpeed(): Speed {
  const stored = recall("ptz-speed");
  return stored === "slow" || stored === "fast" ? stored : "medium";
}
