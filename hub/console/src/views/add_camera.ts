import type { App, View } from "../app/app.ts";
import { CAMERA_LIMIT_MS } from "../api/client.ts";
import type { Camera, NewCamera, Problem } from "../api/types.ts";
import { h } from "../ui/dom.ts";
import { field, type Field } from "../ui/field.ts";
import { t } from "../ui/language.ts";
import { w, type FormKey } from "../ui/texts_form.ts";
import { checkAddress, checkRtspUrl, fieldOf, type FormField } from "./add_camera_fields.ts";

/** How the camera is known: by ONVIF it tells its streams itself, else they are typed in. */
type Kind = "onvif" | "rtsp";

/** The form that tells a device about one more camera. */
export class AddCameraView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #fields: Readonly<Record<FormField, Field>>;
  readonly #kinds: HTMLElement;
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #submit = h("button", { type: "submit", class: "button primary", text: w("form.submit") });
  readonly #onDone: (cameraId: string | undefined) => void;
  #kind: Kind = "onvif";

  constructor(app: App, onDone: (cameraId: string | undefined) => void) {
    this.#app = app;
    this.#onDone = onDone;
    const { sites, devices } = app.registry;
    const optional = w("form.optional");
    this.#fields = {
      name: field({ name: "name", label: w("form.name"), hint: w("form.name-hint") }),
      site: field({ name: "site", label: w("form.site"), choices: sites.map(({ id, name }) => ({ value: id, label: name })) }),
      via: field({ name: "via", label: w("form.via"), choices: devices.map((device) => ({ value: device.id, label: device.online ? device.name : t("cameras.device-offline", { name: device.name }) })) }),
      address: field({ name: "address", label: w("form.address"), hint: w("form.address-hint"), placeholder: "192.168.1.20" }),
      main: field({ name: "main", type: "url", label: w("form.main"), placeholder: "rtsp://192.168.1.20:554/stream1" }),
      sub: field({ name: "sub", type: "url", label: w("form.sub"), note: optional, hint: w("form.sub-hint"), placeholder: "rtsp://192.168.1.20:554/stream2" }),
      username: field({ name: "username", label: w("form.user"), note: optional }),
      password: field({ name: "password", type: "password", label: w("form.password"), note: optional, hint: w("form.password-hint"), autocomplete: "new-password" }),
    };
    const { name, site, via, address, main, sub, username, password } = this.#fields;
    this.#kinds = this.#kindChooser();
    this.element = h("section", { class: "page", "aria-labelledby": "page-title" },
      h("div", { class: "toolbar" }, h("h1", { class: "page-title", id: "page-title", text: t("form.title") })),
      h("form", { class: "panel form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#send(); } } },
        this.#kinds,
        name.element,
        h("div", { class: "pair" }, site.element, via.element),
        address.element, main.element, sub.element,
        h("div", { class: "pair" }, username.element, password.element),
        this.#error,
        h("div", { class: "form-buttons" }, h("a", { class: "button", href: "#/cameras", text: w("form.cancel") }), this.#submit)));
    this.#choose("onvif");
    queueMicrotask(() => { name.input.focus(); });
  }

  close(): void {
    this.element.remove();
  }

  #kindChooser(): HTMLElement {
    const choice = (kind: Kind, label: string, hint: string): HTMLElement => {
      const input = h("input", { type: "radio", name: "kind", value: kind, on: { change: () => { this.#choose(kind); } } });
      input.checked = kind === "onvif";
      return h("label", { class: "choice" }, input, h("span", {}, label, h("span", { class: "field-hint", text: hint })));
    };
    return h("fieldset", { class: "choices" }, h("legend", { class: "hidden", text: w("form.kind") }),
      choice("onvif", w("form.onvif"), w("form.onvif-hint")), choice("rtsp", w("form.by-rtsp"), w("form.by-rtsp-hint")));
  }

  #choose(kind: Kind): void {
    this.#kind = kind;
    const { address, main, sub } = this.#fields;
    address.element.hidden = kind !== "onvif";
    main.element.hidden = kind !== "rtsp";
    sub.element.hidden = kind !== "rtsp";
    for (const one of Object.values(this.#fields)) one.setError("");
  }

  async #send(): Promise<void> {
    if (!this.#check()) return;
    this.#busy(true);
    const answer = await this.#app.api.post<Camera>("/cameras", this.#body(), CAMERA_LIMIT_MS);
    this.#busy(false);
    if (!answer.ok) {
      this.#showProblem(answer.problem);
      return;
    }
    await this.#app.registry.refresh();
    this.#onDone(this.#kind === "onvif" ? answer.value.id : undefined);
  }

  #check(): boolean {
    const { name, main, sub } = this.#fields;
    for (const entry of Object.values(this.#fields)) entry.setError("");
    this.#error.textContent = "";
    if (name.input.value.trim() === "") name.setError(t("form.required"));
    if (this.#kind === "onvif") {
      const { address } = this.#fields;
      address.setError(fault(address, checkAddress));
      return this.#focusFirstError();
    }
    main.setError(fault(main, checkRtspUrl));
    if (sub.input.value.trim() !== "") sub.setError(fault(sub, checkRtspUrl));
    return this.#focusFirstError();
  }

  #body(): NewCamera {
    const { name, site, via, address, main, sub, username, password } = this.#fields;
    const login = {
      ...(username.input.value !== "" && { username: username.input.value }),
      ...(password.input.value !== "" && { password: password.input.value }),
    };
    const camera = { name: name.input.value.trim(), site_id: site.input.value, via: via.input.value };
    if (this.#kind === "onvif") return { ...camera, source: { type: "onvif", address: address.input.value.trim(), ...login } };
    const tiers: { tier: string; url: string }[] = [{ tier: "main", url: main.input.value.trim() }];
    if (sub.input.value.trim() !== "") tiers.push({ tier: "sub", url: sub.input.value.trim() });
    return { ...camera, source: { type: "rtsp", tiers, ...login } };
  }

  #showProblem(problem: Problem): void {
    for (const { field: path, text } of problem.errors ?? []) {
      const name = fieldOf(path);
      if (name) this.#fields[name].setError(text);
    }
    const anyField = !this.#focusFirstError();
    const told = problem.status === 0 ? t("reason.hub-unreachable") : (problem.detail ?? problem.title);
    this.#error.textContent = anyField ? w("form.failed") : `${w("form.failed")} ${told}`;
  }

  /** True when no field is in error. */
  #focusFirstError(): boolean {
    const first = this.element.querySelector<HTMLElement>("[aria-invalid=true]");
    first?.focus();
    return first === null;
  }

  #busy(busy: boolean): void {
    this.#submit.disabled = busy;
    this.#submit.textContent = w(busy ? (this.#kind === "onvif" ? "form.asking" : "form.busy") : "form.submit");
  }
}

/** What is wrong with a field that must be filled in, in words; empty if nothing is. */
function fault({ input }: Field, check: (text: string) => FormKey | undefined): string {
  if (input.value.trim() === "") return t("form.required");
  const found = check(input.value);
  return found === undefined ? "" : w(found);
}
