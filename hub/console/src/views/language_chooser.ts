import { remember } from "../app/memory.ts";
import { h } from "../ui/dom.ts";
import { language, LANGUAGES, setLanguage, t } from "../ui/language.ts";

/** Chooses the language of all texts; `onChange` draws the page anew. */
export function languageChooser(onChange: () => void): HTMLElement {
  const select = h("select", { class: "language", "aria-label": t("app.language") },
    ...LANGUAGES.map(({ code, name }) => h("option", { value: code, lang: code, selected: code === language(), text: name })));
  select.addEventListener("change", () => {
    const chosen = LANGUAGES.find(({ code }) => code === select.value);
    if (!chosen) return;
    setLanguage(chosen.code);
    remember("language", chosen.code);
    onChange();
  });
  return select;
}
