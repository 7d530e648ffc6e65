import type { Camera } from "../api/types.ts";
import { h } from "../ui/dom.ts";

/** One part of the page of a camera. */
export interface Section {
  readonly element: HTMLElement;
  /** Takes what the registry knows now. */
  update(camera: Camera): void;
  close(): void;
}

/** The frame of a part: a heading and what stands below it. */
export function section(name: string, title: string, ...content: readonly (Node | undefined)[]): HTMLElement {
  return h("section", { class: `panel card camera-${name}`, "aria-labelledby": `section-${name}` }, h("h2", { id: `section-${name}`, text: title }), ...content);
}
