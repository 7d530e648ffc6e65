/** The shapes of `/api/v1` that the console reads and writes, by the names it uses for them. */
import type { Accepted, AdviceNow, Attempt, CameraNow, CredentialNow, DeviceNow, EncoderNow, FactsNow, FieldFault, Problem as ApiProblem, PresetNow, Session, SessionNow, SessionsNow, SiteNow, StateNow, TierNow, WindowNow } from "./schema.ts";

export type { Accept, Accepts, AddCamera as NewCamera, AddCredential, Advices, Applied, Apply, Attempts, Can, ChangeCamera, ChangeSite, Credentials, Discoveries, Discovery, Ignore, Me, Move, Presets, Search, Try, Undo } from "./schema.ts";
export type Camera = CameraNow;
export type CameraDevice = FactsNow;
export type CameraState = StateNow;
export type Device = DeviceNow;
export type Site = SiteNow;
export type TierReport = TierNow;
export type PlaySessionRow = Session;
export type Advice = AdviceNow;
export type Encoder = EncoderNow;
export type HeldSession = SessionNow;
export type HeldSessions = SessionsNow;
export type Preset = PresetNow;
export type SiteCredential = CredentialNow;
export type Tried = Attempt;
export type WarmWindow = WindowNow;
export type { Accepted };

/** A problem as the hub tells it, or as the console makes one when no answer came: then `status` is 0. */
export type Problem = Omit<ApiProblem, "detail" | "errors"> & { readonly detail?: string; readonly errors?: readonly FieldFault[] };

/** Part of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | null;
}

/** Something a camera noticed, as the stream of events tells it. */
export interface CameraEvent {
  readonly camera_id: string;
  readonly kind: string;
  readonly active?: boolean | null;
  readonly source: string;
  /** Unix ms. */
  readonly at: number;
}
