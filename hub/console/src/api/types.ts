/** The shapes of `/api/v1` that the console reads and writes, by the names it uses for them. */
import type { AddCamera, CameraNow, DeviceNow, FieldFault, Me, Problem as ApiProblem, Session, SiteNow, StateNow, TierNow } from "./schema.ts";

export type { Me };
export type Camera = Omit<CameraNow, "source"> & { readonly device?: CameraDevice | null; readonly session_budget?: number; readonly warm_of_site?: boolean; readonly source?: (NonNullable<CameraNow["source"]> & { readonly address?: string | null }) | null };
export type CameraState = StateNow;
export type Device = DeviceNow;
export type Site = SiteNow;
export type TierReport = TierNow;
export type NewCamera = Omit<AddCamera, "source"> & { readonly source: AddCamera["source"] & { readonly address?: string } };
export type PlaySessionRow = Session;

/** A problem as the hub tells it, or as the console makes one when no answer came: then `status` is 0. */
export type Problem = Omit<ApiProblem, "detail" | "errors"> & { readonly detail?: string; readonly errors?: readonly FieldFault[] };

/** Part of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | null;
}

/** What a camera can do beside sending pictures. */
export interface Can {
  readonly ptz: boolean;
  readonly events: boolean;
  readonly snapshot: boolean;
  readonly encoder: boolean;
  readonly sync_point?: boolean | null;
}

/** What the device at the site knows of the camera itself. */
export interface CameraDevice {
  readonly manufacturer: string;
  readonly model: string;
  readonly firmware: string;
  readonly serial: string;
  readonly can: Can;
  readonly clock_offset_ms?: number | null;
  readonly trouble?: string;
}

export interface FoundTier {
  readonly tier?: string | null;
  readonly codec?: string | null;
  readonly width?: number | null;
  readonly height?: number | null;
  readonly fps?: number | null;
  readonly bitrate_kbps?: number | null;
  readonly gop_s?: number | null;
}

/** A camera on a site's networks. */
export interface Discovery {
  readonly id: string;
  readonly device_id: string;
  readonly site_id?: string | null;
  readonly key: string;
  readonly channel: number;
  readonly name: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly firmware: string;
  readonly serial: string;
  readonly hardware_address: string;
  readonly address?: string | null;
  readonly how: string;
  readonly first_seen: number;
  readonly last_seen: number;
  readonly state: string;
  readonly text: string;
  readonly credential?: { readonly id: string; readonly label: string; readonly username: string } | null;
  readonly tiers: readonly FoundTier[];
  readonly audio_codec?: string | null;
  readonly can: Can;
  readonly clock_offset_ms?: number | null;
  readonly warnings: readonly { readonly code: string; readonly text: string }[];
  readonly camera_id?: string | null;
  readonly ignored: boolean;
}

export interface Discoveries extends Page<Discovery> {
  readonly searching: boolean;
}

/** What became of the passwords at one found camera. */
export interface Tried {
  readonly id: string;
  readonly opened: boolean;
  readonly credential_id?: string | null;
  readonly username?: string | null;
  readonly text: string;
}

/** What became of one found camera that was to be accepted. */
export interface Accepted {
  readonly id: string;
  readonly camera_id?: string;
  readonly problem?: Problem;
}

/** A password kept for a site; the password itself is never told. */
export interface SiteCredential {
  readonly id: string;
  readonly label: string;
  readonly username: string;
  readonly position: number;
}

/** A session that an edge holds, or tries to get, of one physical camera. */
export interface HeldSession {
  readonly kind: string;
  readonly purpose: string;
  readonly state: string;
  readonly since: number;
}

export interface HeldSessions {
  readonly budget?: number | null;
  readonly items: readonly HeldSession[];
}

/** What would make a camera play better. */
export interface Advice {
  readonly code: string;
  readonly severity: string;
  readonly tier?: string | null;
  readonly text: string;
  readonly setting: string;
  readonly change?: Readonly<Record<string, unknown>> | null;
}

/** How a camera is set to encode one stream. */
export type Encoder = Readonly<Record<string, string | number | boolean | null>>;

export interface AdviceApplied {
  readonly before: Encoder;
  readonly after: Encoder;
  readonly applied: boolean;
}

/** A place that a camera remembers. */
export interface Preset {
  readonly token: string;
  readonly name: string;
}

/** Something a camera noticed. */
export interface CameraEvent {
  readonly camera_id: string;
  readonly kind: string;
  readonly active?: boolean | null;
  readonly source: string;
  /** Unix ms. */
  readonly at: number;
}
