import type { Api } from "../api/client.ts";
import type { Camera, CameraState, Device, Page, Problem, Site } from "../api/types.ts";
import { Signal, type Readable } from "../player/signal.ts";

/** Pages of a list read at most; a console with more cameras than this needs a search first. */
const MOST_PAGES = 50;

/** What the console knows of cameras, sites and devices. Only `refresh` and `cameraChanged` write it. */
export class Registry {
  readonly #api: Api;
  readonly #cameras = new Signal<readonly Camera[] | undefined>(undefined);
  readonly #problem = new Signal<Problem | undefined>(undefined);
  #sites: readonly Site[] = [];
  #devices: readonly Device[] = [];
  #refreshing: Promise<boolean> | undefined;
  #after: Promise<boolean> | undefined;
  /** States told by events while the lists are being read: they may be newer than what is read. */
  readonly #told = new Map<string, CameraState>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** Every camera this user may see, by name; undefined until first read. */
  get cameras(): Readable<readonly Camera[] | undefined> {
    return this.#cameras;
  }

  /** Why the last reading failed; undefined after a good one. */
  get problem(): Readable<Problem | undefined> {
    return this.#problem;
  }

  get sites(): readonly Site[] {
    return this.#sites;
  }

  get devices(): readonly Device[] {
    return this.#devices;
  }

  camera(id: string): Camera | undefined {
    return this.#cameras.get()?.find((camera) => camera.id === id);
  }

  /**
   * Reads everything again; true when the hub answered. What is asked for during a reading may have happened after it
   * began: one more follows it, for all who asked.
   */
  refresh(): Promise<boolean> {
    if (this.#refreshing) {
      this.#after ??= this.#refreshing.then(() => {
        this.#after = undefined;
        return this.refresh();
      });
      return this.#after;
    }
    this.#refreshing = this.#read().finally(() => { this.#refreshing = undefined; });
    return this.#refreshing;
  }

  /** Takes one camera's new state from an event. */
  cameraChanged(id: string, state: CameraState): void {
    if (this.#refreshing) this.#told.set(id, state);
    const cameras = this.#cameras.get();
    if (!cameras?.some((camera) => camera.id === id)) {
      void this.refresh();
      return;
    }
    this.#cameras.set(cameras.map((camera) => (camera.id === id ? { ...camera, state } : camera)));
  }

  async #read(): Promise<boolean> {
    this.#told.clear();
    const [cameras, sites, devices] = await Promise.all([this.#all<Camera>("/cameras"), this.#all<Site>("/sites"), this.#all<Device>("/devices")]);
    // Sites and devices only decorate: a user without the right to them still has the cameras.
    if (Array.isArray(sites)) this.#sites = sites;
    if (Array.isArray(devices)) this.#devices = devices;
    if (!Array.isArray(cameras)) {
      this.#problem.set(cameras);
      return false;
    }
    this.#problem.set(undefined);
    const newest = cameras.map((camera) => ({ ...camera, state: this.#told.get(camera.id) ?? camera.state }));
    this.#cameras.set(newest.toSorted((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })));
    return true;
  }

  async #all<T>(path: string): Promise<T[] | Problem> {
    const items: T[] = [];
    let cursor: string | null = null;
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const answer = await this.#api.get<Page<T>>(`${path}?limit=100${query}`);
      if (!answer.ok) return answer.problem;
      items.push(...answer.value.items);
      cursor = answer.value.next ?? null;
      if (cursor === null) break;
    }
    return items;
  }
}
