/** The shapes of `/api/v1` that the console reads and writes, by the names it uses for them. */
import type { AddCamera, CameraNow, DeviceNow, FieldFault, Me, Problem as ApiProblem, Session, SiteNow, StateNow, TierNow } from "./schema.ts";

export type { Me };
export type Camera = CameraNow;
export type CameraState = StateNow;
export type Device = DeviceNow;
export type Site = SiteNow;
export type TierReport = TierNow;
export type NewCamera = AddCamera;
export type PlaySessionRow = Session;

/** A problem as the hub tells it, or as the console makes one when no answer came: then `status` is 0. */
export type Problem = Omit<ApiProblem, "detail" | "errors"> & { readonly detail?: string; readonly errors?: readonly FieldFault[] };

/** Part of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | null;
}
