import { h } from "./dom.ts";
import { t } from "./language.ts";

/** Asks before something that cannot be taken back. */
export function confirm(question: string): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-question" },
      h("form", { method: "dialog" },
        h("p", { id: "dialog-question", text: question }),
        h("div", { class: "form-buttons" },
          h("button", { class: "button", value: "no", text: t("dialog.cancel") }),
          h("button", { class: "button danger", value: "yes", text: t("dialog.confirm") }))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
