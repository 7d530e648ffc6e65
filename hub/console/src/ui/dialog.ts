import { h } from "./dom.ts";

/** A window of the page's own, above everything until it is closed. */
export interface Dialog {
  readonly element: HTMLDialogElement;
  close(): void;
}

/** Opens a dialog. `closed` is told however it ends: by a button, by Escape, or with its page. */
export function openDialog(title: string, closed: () => void, ...content: readonly Node[]): Dialog {
  const element = h("dialog", { class: "dialog wide", "aria-labelledby": "dialog-title" }, h("h2", { class: "dialog-title", id: "dialog-title", text: title }), ...content);
  const ended = (): void => {
    element.remove();
    closed();
  };
  element.addEventListener("close", ended, { once: true });
  document.body.append(element);
  element.showModal();
  return { element, close: () => { element.close(); } };
}
