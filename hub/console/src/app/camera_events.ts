import type { CameraEvent } from "../api/types.ts";
import { Signal, type Readable } from "../player/signal.ts";

/** Events kept for each camera, and in all; the oldest go first. */
const KEPT_EACH = 50;
const KEPT_CAMERAS = 200;

/** What cameras noticed since this console was opened. The hub keeps no list of them. */
export class CameraEvents {
  readonly #byCamera = new Map<string, readonly CameraEvent[]>();
  readonly #count = new Signal(0);

  /** Counts up with every event. */
  get count(): Readable<number> {
    return this.#count;
  }

  /** Newest first. */
  of(cameraId: string): readonly CameraEvent[] {
    return this.#byCamera.get(cameraId) ?? [];
  }

  add(event: CameraEvent): void {
    const before = this.of(event.camera_id);
    // Those whose turn is longest ago leave.
    this.#byCamera.delete(event.camera_id);
    this.#byCamera.set(event.camera_id, [event, ...before].slice(0, KEPT_EACH));
    if (this.#byCamera.size > KEPT_CAMERAS) {
      const [oldest] = this.#byCamera.keys();
      if (oldest !== undefined) this.#byCamera.delete(oldest);
    }
    this.#count.set(this.#count.get() + 1);
  }
}
