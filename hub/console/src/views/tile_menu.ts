import type { PlaySession } from "../player/session.ts";
import type { ProtocolWish } from "../player/source.ts";
import { h, iconButton, setText } from "../ui/dom.ts";
import { reasonText, t } from "../ui/language.ts";
import { protocolName } from "../ui/words.ts";

const CHOICES: readonly ProtocolWish[] = ["auto", "webrtc", "ll-hls", "hls"];

/** How one tile is played: the protocol, to be chosen, and why it is as it is. */
export class TileMenu {
  /** Opens and closes the panel. */
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;
  readonly #list: HTMLElement;
  readonly #heading: HTMLElement;
  #told = "";

  constructor(id: string, name: string, chosen: (protocol: ProtocolWish) => void) {
    const panelId = `menu-${id}`;
    this.button = iconButton("more", t("tile.more", { name }), () => { this.#open(this.button.getAttribute("aria-expanded") === "false"); });
    this.button.setAttribute("aria-expanded", "false");
    this.button.setAttribute("aria-controls", panelId);
    const choices = CHOICES.map((protocol) => {
      const input = h("input", { type: "radio", name: `protocol-${id}`, value: protocol, on: { change: () => { chosen(protocol); } } });
      input.checked = protocol === "auto";
      return h("label", {}, input, h("span", { text: protocol === "auto" ? t("tile.auto") : protocolName(protocol) }));
    });
    this.#heading = h("p", { class: "tile-why-title", id: `why-${id}`, text: t("tile.why") });
    this.#list = h("ul", { class: "tile-why", "aria-labelledby": `why-${id}` });
    this.panel = h("div", { class: "tile-menu", id: panelId, on: { keydown: (event) => { this.#key(event); } } },
      h("fieldset", {}, h("legend", { text: t("tile.protocol") }), ...choices), this.#heading, this.#list);
    this.panel.hidden = true;
  }

  /** Tells what the hub and the player decided on. */
  tell(session: PlaySession | undefined): void {
    const reasons = session ? [...(session.detour ? [session.detour] : []), ...session.why].map(reasonText) : [];
    const told = reasons.join("\n");
    this.#heading.hidden = reasons.length === 0;
    if (told === this.#told) return;
    this.#told = told;
    this.#list.replaceChildren(...reasons.map((text) => {
      const item = h("li");
      setText(item, text);
      return item;
    }));
  }

  #open(open: boolean): void {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) this.panel.querySelector<HTMLInputElement>("input:checked")?.focus();
  }

  #key(event: Event): void {
    if (!(event instanceof KeyboardEvent) || event.key !== "Escape") return;
    // The wall, too, listens to this key: it would leave the enlarged tile.
    event.stopPropagation();
    this.#open(false);
    this.button.focus();
  }
}
