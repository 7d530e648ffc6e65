import { h } from "./dom.ts";

/** What a form field is made from. */
export interface FieldOptions {
  readonly name: string;
  readonly label: string;
  readonly type?: "text" | "password" | "url";
  readonly hint?: string;
  /** A word behind the label, e.g. "optional". */
  readonly note?: string;
  readonly autocomplete?: AutoFill;
  readonly placeholder?: string;
  /** Choices make it a list. */
  readonly choices?: readonly { readonly value: string; readonly label: string }[];
}

/** A labelled input with its hint and its error, tied together for screen readers. */
export interface Field {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement | HTMLSelectElement;
  readonly name: string;
  setError(text: string): void;
}

export function field(options: FieldOptions): Field {
  const { name } = options;
  const id = `field-${name}`;
  const shared = { id, name, "aria-describedby": `${id}-hint ${id}-error`, autocomplete: options.autocomplete ?? "off" };
  const input = options.choices
    ? h("select", shared, ...options.choices.map(({ value, label }) => h("option", { value, text: label })))
    : h("input", { ...shared, type: options.type ?? "text", spellcheck: "false", autocapitalize: "off", placeholder: options.placeholder });
  const error = h("p", { class: "field-error", id: `${id}-error` });
  const element = h("div", { class: "field" },
    h("label", { for: id }, options.label, options.note === undefined ? undefined : h("span", { class: "note", text: options.note })),
    input,
    h("p", { class: "field-hint", id: `${id}-hint`, text: options.hint ?? "" }),
    error);
  return {
    element,
    input,
    name,
    setError(text) {
      error.textContent = text;
      if (text === "") input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
    },
  };
}
