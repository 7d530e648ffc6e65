import type { Poster, Posters } from "../app/posters.ts";
import { h, icon } from "../ui/dom.ts";

/**
 * A place for a camera's picture. It asks for one while it is on the screen, never otherwise: a picture costs the site's
 * uplink and is written down as viewing.
 */
export class PosterBox {
  readonly element = h("div", { class: "poster-box", "aria-hidden": "true" }, icon("camera"));
  readonly #posters: Posters;
  readonly #watcher: IntersectionObserver;
  readonly #onPoster: (poster: Poster | undefined) => void;
  readonly #onVisible = (): void => { if (this.#seen) void this.#read(); };
  #cameraId: string | undefined;
  #seen = false;
  #shown: Poster | undefined;

  /** `onPoster` hears of what is shown, such as when it was taken. */
  constructor(posters: Posters, onPoster: (poster: Poster | undefined) => void = () => undefined) {
    this.#posters = posters;
    this.#onPoster = onPoster;
    this.#watcher = new IntersectionObserver((entries) => {
      this.#seen = entries.some(({ isIntersecting }) => isIntersecting);
      if (this.#seen) void this.#read();
    });
    this.#watcher.observe(this.element);
    document.addEventListener("visibilitychange", this.#onVisible);
  }

  /** Shows a camera's picture, or none; `keep` leaves what is shown, and only asks no more. */
  show(cameraId: string | undefined, keep = false): void {
    if (cameraId === this.#cameraId) return;
    this.#cameraId = cameraId;
    if (!keep) this.#draw(undefined);
    if (this.#seen) void this.#read();
  }

  /** Asks again: a picture may have come since. */
  again(): void {
    if (this.#seen) void this.#read();
  }

  close(): void {
    this.#watcher.disconnect();
    document.removeEventListener("visibilitychange", this.#onVisible);
    this.#cameraId = undefined;
  }

  async #read(): Promise<void> {
    const id = this.#cameraId;
    if (id === undefined || document.hidden) return;
    const poster = await this.#posters.get(id, () => this.#seen && this.#cameraId === id && !document.hidden);
    if (this.#cameraId === id && poster !== this.#shown) this.#draw(poster);
  }

  #draw(poster: Poster | undefined): void {
    this.#shown = poster;
    this.#onPoster(poster);
    if (poster === undefined) {
      this.element.replaceChildren(icon("camera"));
      return;
    }
    // What cannot be decoded here is no picture.
    const failed = (): void => { if (this.#shown === poster) this.#draw(undefined); };
    const picture = poster.film ? still(poster.url, failed) : h("img", { src: poster.url, alt: "" });
    picture.addEventListener("error", failed);
    this.element.replaceChildren(picture);
  }
}

/** The one picture of a film, drawn once: fifty tiles must not hold fifty decoders. */
function still(url: string, failed: () => void): HTMLCanvasElement {
  const canvas = h("canvas", { width: 0, height: 0 });
  const film = h("video", { preload: "auto", playsinline: true });
  film.muted = true;
  film.addEventListener("error", failed, { once: true });
  film.addEventListener("loadeddata", () => {
    canvas.width = film.videoWidth;
    canvas.height = film.videoHeight;
    canvas.getContext("2d")?.drawImage(film, 0, 0);
    film.removeAttribute("src");
    film.load();
  }, { once: true });
  film.src = url;
  return canvas;
}
