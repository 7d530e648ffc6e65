import type { Api } from "../api/client.ts";
import type { Me } from "../api/types.ts";
import type { View } from "../app/app.ts";
import { h, icon } from "../ui/dom.ts";
import { t } from "../ui/language.ts";
import { field, type Field } from "../ui/field.ts";
import { languageChooser } from "./language_chooser.ts";

/** The page for those the hub does not know yet. */
export class LoginView implements View {
  readonly element: HTMLElement;
  readonly #api: Api;
  readonly #user: Field;
  readonly #password: Field;
  readonly #error = h("p", { class: "form-error", role: "alert" });
  readonly #submit: HTMLButtonElement;
  readonly #onSignedIn: (me: Me) => void;

  constructor(api: Api, onSignedIn: (me: Me) => void, onLanguage: () => void) {
    this.#api = api;
    this.#onSignedIn = onSignedIn;
    this.#user = field({ name: "username", label: t("login.user"), autocomplete: "username" });
    this.#password = field({ name: "password", label: t("login.password"), type: "password", autocomplete: "current-password" });
    this.#submit = h("button", { type: "submit", class: "button primary wide", text: t("login.submit") });
    const form = h("form", { class: "panel login-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); void this.#send(); } } },
      h("h1", { text: t("login.title") }), this.#user.element, this.#password.element, this.#error, this.#submit);
    this.element = h("main", { class: "login" },
      h("div", { class: "login-brand" }, icon("gate"), h("span", { class: "brand-name", text: "Sluice" }), h("p", { text: t("login.lead") })),
      form, languageChooser(onLanguage));
    queueMicrotask(() => { this.#user.input.focus(); });
  }

  close(): void {
    this.element.remove();
  }

  async #send(): Promise<void> {
    this.#error.textContent = "";
    const missing = [this.#user, this.#password].filter((entry) => entry.input.value === "");
    for (const entry of [this.#user, this.#password]) entry.setError(missing.includes(entry) ? t("form.required") : "");
    if (missing.length > 0) {
      missing[0]?.input.focus();
      return;
    }
    this.#busy(true);
    const answer = await this.#api.post<Me>("/login", { user: this.#user.input.value, password: this.#password.input.value });
    this.#busy(false);
    if (answer.ok) {
      this.#onSignedIn(answer.value);
      return;
    }
    const { problem } = answer;
    this.#error.textContent = problem.status === 401 ? t("login.wrong") : problem.status === 0 ? t("reason.hub-unreachable") : (problem.detail ?? problem.title);
    this.#password.input.value = "";
    this.#password.input.focus();
  }

  #busy(busy: boolean): void {
    this.#submit.disabled = busy;
    this.#submit.textContent = t(busy ? "login.busy" : "login.submit");
  }
}
