import type { App, View } from "../app/app.ts";
import type { Camera, NewCamera, Problem } from "../api/types.ts";
import { h } from "../ui/dom.ts";
import { field, type Field } from "../ui/field.ts";
import { t } from "../ui/language.ts";
import { checkRtspUrl, fieldOf } from "./add_camera_fields.ts";

/** The form that tells a device about one more camera. */
export class AddCameraView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #fields: Readonly<Record<"name" | "site" | "via" | "main" | "sub" | "username" | "password", Field>>;
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #submit = h("button", { type: "submit", class: "button primary", text: t("form.submit") });
  readonly #onDone: () => void;

  constructor(app: App, onDone: () => void) {
    this.#app = app;
    this.#onDone = onDone;
    const { sites, devices } = app.registry;
    const optional = t("form.optional");
    this.#fields = {
      name: field({ name: "name", label: t("form.name"), hint: t("form.name-hint") }),
      site: field({ name: "site", label: t("form.site"), choices: sites.map(({ id, name }) => ({ value: id, label: name })) }),
      via: field({ name: "via", label: t("form.via"), choices: devices.map((device) => ({ value: device.id, label: device.online ? device.name : t("cameras.device-offline", { name: device.name }) })) }),
      main: field({ name: "main", type: "url", label: t("form.main"), placeholder: "rtsp://192.168.1.20:554/stream1" }),
      sub: field({ name: "sub", type: "url", label: t("form.sub"), note: optional, hint: t("form.sub-hint"), placeholder: "rtsp://192.168.1.20:554/stream2" }),
      username: field({ name: "username", label: t("form.user"), note: optional }),
      password: field({ name: "password", type: "password", label: t("form.password"), note: optional, hint: t("form.password-hint"), autocomplete: "new-password" }),
    };
    const { name, site, via, main, sub, username, password } = this.#fields;
    this.element = h("section", { class: "page", "aria-labelledby": "page-title" },
      h("div", { class: "toolbar" }, h("h1", { class: "page-title", id: "page-title", text: t("form.title") })),
      h("form", { class: "panel form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#send(); } } },
        name.element,
        h("div", { class: "pair" }, site.element, via.element),
        main.element, sub.element,
        h("div", { class: "pair" }, username.element, password.element),
        this.#error,
        h("div", { class: "form-buttons" }, h("a", { class: "button", href: "#/cameras", text: t("form.cancel") }), this.#submit)));
    queueMicrotask(() => { name.input.focus(); });
  }

  close(): void {
    this.element.remove();
  }

  async #send(): Promise<void> {
    if (!this.#check()) return;
    this.#busy(true);
    const answer = await this.#app.api.post<Camera>("/cameras", this.#body());
    this.#busy(false);
    if (!answer.ok) {
      this.#showProblem(answer.problem);
      return;
    }
    await this.#app.registry.refresh();
    this.#onDone();
  }

  #check(): boolean {
    const { name, main, sub } = this.#fields;
    for (const entry of Object.values(this.#fields)) entry.setError("");
    this.#error.textContent = "";
    if (name.input.value.trim() === "") name.setError(t("form.required"));
    const mainError = main.input.value.trim() === "" ? "form.required" : checkRtspUrl(main.input.value);
    if (mainError) main.setError(t(mainError));
    const subError = sub.input.value.trim() === "" ? undefined : checkRtspUrl(sub.input.value);
    if (subError) sub.setError(t(subError));
    return this.#focusFirstError();
  }

  #body(): NewCamera {
    const { name, site, via, main, sub, username, password } = this.#fields;
    const tiers: { tier: string; url: string }[] = [{ tier: "main", url: main.input.value.trim() }];
    if (sub.input.value.trim() !== "") tiers.push({ tier: "sub", url: sub.input.value.trim() });
    return {
      name: name.input.value.trim(),
      site_id: site.input.value,
      via: via.input.value,
      source: {
        type: "rtsp",
        tiers,
        ...(username.input.value !== "" && { username: username.input.value }),
        ...(password.input.value !== "" && { password: password.input.value }),
      },
    };
  }

  #showProblem(problem: Problem): void {
    for (const { field: path, text } of problem.errors ?? []) {
      const name = fieldOf(path);
      if (name) this.#fields[name].setError(text);
    }
    const anyField = !this.#focusFirstError();
    const told = problem.status === 0 ? t("reason.hub-unreachable") : (problem.detail ?? problem.title);
    this.#error.textContent = anyField ? t("form.failed") : `${t("form.failed")} ${told}`;
  }

  /** True when no field is in error. */
  #focusFirstError(): boolean {
    const first = this.element.querySelector<HTMLElement>("[aria-invalid=true]");
    first?.focus();
    return first === null;
  }

  #busy(busy: boolean): void {
    this.#submit.disabled = busy;
    this.#submit.textContent = t(busy ? "form.busy" : "form.submit");
  }
}
