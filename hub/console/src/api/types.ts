/** The shapes of `/api/v1` that the console reads and writes. Times are unix milliseconds. */

export type Tier = "main" | "sub" | "third";

/** RFC 9457, with the field paths of a failed validation. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly detail?: string;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly errors?: readonly FieldError[];
}

export interface FieldError {
  /** Path of the field in the request's body, e.g. `source.tiers[0].url`. */
  readonly field: string;
  readonly code?: string;
  readonly text: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export type Role = "viewer" | "operator" | "admin" | "auditor";

export interface Me {
  readonly user: { readonly id: string; readonly name: string; readonly role: Role };
  readonly csrf: string;
}

export interface Site {
  readonly id: string;
  readonly name: string;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly site_id: string;
  readonly online: boolean;
}

export interface TierReport {
  readonly tier: Tier;
  readonly codec?: string | null;
  readonly width?: number | null;
  readonly height?: number | null;
  readonly fps?: number | null;
  readonly gop_s?: number | null;
}

/** What a camera is doing, with its reason in words. */
export interface CameraState {
  /** `live` (somebody watches), `ready`, `opening`, `resting` (in trouble), `off` or `unknown`. */
  readonly code: string;
  readonly reason?: { readonly code: string; readonly text: string } | null;
  readonly since?: number | null;
}

export interface Camera {
  readonly id: string;
  readonly name: string;
  readonly site_id: string;
  readonly via: string;
  readonly state: CameraState;
  readonly tiers: readonly TierReport[];
}

export interface NewCamera {
  readonly name: string;
  readonly site_id: string;
  readonly via: string;
  readonly source: {
    readonly type: "rtsp";
    readonly tiers: readonly { readonly tier: Tier; readonly url: string }[];
    readonly username?: string;
    readonly password?: string;
  };
}

export interface PlaySessionRow {
  readonly id: string;
  readonly camera_id: string;
  readonly tier: Tier;
  readonly protocol: string;
  readonly viewer: string;
  readonly state: string;
  readonly started_at: number;
}
