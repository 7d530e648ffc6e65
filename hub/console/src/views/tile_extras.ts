import { mayOperate, type App } from "../app/app.ts";
import type { Camera } from "../api/types.ts";
import type { Player } from "../player/player.ts";
import { h } from "../ui/dom.ts";
import { clockTime, t } from "../ui/language.ts";
import { PosterBox } from "./poster_box.ts";

/**
 * What a tile has beside its player: a picture from before while nothing plays, the way to its camera's page, and the
 * means to turn the camera, which are fetched for those that can be turned. The answer ends it.
 */
export function attachExtras(app: App, cameraId: string, root: HTMLElement, player: Player): () => void {
  root.querySelector(".tile-menu")?.append(h("a", { class: "button small", href: `#/cameras/${cameraId}`, text: t("tile.about") }));
  const ends = [attachPoster(app, cameraId, root, player)];
  if (mayOperate(app.me)) ends.push(attachPtz(app, cameraId, root, player));
  return () => { for (const end of ends) end(); };
}

/** Whether there is a picture to be had without opening the camera for it. */
function mayHavePoster(camera: Camera | undefined): boolean {
  const code = camera?.state.code;
  return code === "ready" || code === "live" || (code === "off" && camera?.enabled === true && camera.device?.can.snapshot === true);
}

function attachPoster(app: App, cameraId: string, root: HTMLElement, player: Player): () => void {
  // Auditors may not watch.
  if (app.me.user.role === "auditor") return () => undefined;
  const age = h("p", { class: "tile-note tile-poster-age" });
  const box = new PosterBox(app.posters, (poster) => {
    age.textContent = poster?.capturedAt === undefined ? "" : t("tile.poster", { time: clockTime(poster.capturedAt) });
    root.classList.toggle("has-poster", poster !== undefined);
  });
  box.element.classList.add("tile-poster");
  root.querySelector("video")?.after(box.element);
  root.querySelector(".tile-veil")?.append(age);
  const decide = (): void => {
    const { kind } = player.state.get();
    // From the first picture on, the player's own last one is newer.
    if (kind === "idle") root.dataset.poster = "on";
    else if (kind === "playing") delete root.dataset.poster;
    box.show(kind === "idle" && mayHavePoster(app.registry.camera(cameraId)) ? cameraId : undefined, kind !== "idle");
  };
  const ends = [player.state.subscribe(decide), app.registry.cameras.subscribe(decide)];
  return () => {
    for (const end of ends) end();
    box.close();
  };
}

function attachPtz(app: App, cameraId: string, root: HTMLElement, player: Player): () => void {
  let panel: { readonly button: HTMLElement; readonly element: HTMLElement; close(): void } | undefined;
  let state: "none" | "fetching" | "there" | "closed" = "none";
  let asking: ReturnType<typeof setTimeout> | undefined;
  let asked = 0;
  const decide = (): void => {
    const camera = app.registry.camera(cameraId);
    if (state !== "none" || player.state.get().kind !== "playing") return;
    if (camera?.device == null && camera?.source?.type === "onvif" && asked < MOST_ASKED) {
      // What a new camera can do is told some seconds after its first picture, and no event says so.
      asked += 1;
      clearTimeout(asking);
      asking = setTimeout(() => void app.registry.refresh(), ASK_AGAIN_MS);
    }
    if (camera?.device?.can.ptz !== true) return;
    state = "fetching";
    import("./ptz.ts").then(({ PtzPanel }) => {
      if (state !== "fetching") return;
      state = "there";
      panel = new PtzPanel(app, camera, root, player);
      root.querySelector(".tile-bar")?.before(panel.element);
      root.querySelector(".tile-buttons button:last-child")?.before(panel.button);
    }, () => { if (state === "fetching") state = "none"; });
  };
  const ends = [player.state.subscribe(decide), app.registry.cameras.subscribe(decide)];
  return () => {
    state = "closed";
    clearTimeout(asking);
    for (const end of ends) end();
    panel?.close();
  };
}

/** How often, and how many times, the lists are read for what a camera that plays can do. */
const ASK_AGAIN_MS = 2_000;
const MOST_ASKED = 8;
