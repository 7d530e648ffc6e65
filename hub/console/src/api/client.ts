import type { Problem } from "./types.ts";

/** How a call ended. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** A call without an answer is given up after this, ms. */
const CALL_LIMIT_MS = 15_000;
/** The same for calls that wait for a camera at its site, ms. */
export const CAMERA_LIMIT_MS = 75_000;

/** A picture that the hub keeps for a moment: a JPEG, or a film of one picture. */
export interface Picture {
  readonly data: Blob;
  /** When it was taken, unix ms; undefined where the hub does not say. */
  readonly capturedAt: number | undefined;
}

/** The hub's API on the page's own origin, with the console's cookie. */
export class Api {
  /** The session's CSRF token; every change carries it. */
  csrf = "";
  /** The language texts are wanted in. */
  language: () => string = () => "en";
  /** Called when the hub no longer knows this console. */
  onSignedOut: () => void = () => undefined;

  get<T>(path: string): Promise<Result<T>> {
    return this.#call<T>("GET", path);
  }

  post<T>(path: string, body: unknown, limitMs = CALL_LIMIT_MS): Promise<Result<T>> {
    return this.#call<T>("POST", path, body, limitMs);
  }

  patch<T>(path: string, body: unknown): Promise<Result<T>> {
    return this.#call<T>("PATCH", path, body);
  }

  async picture(path: string): Promise<Result<Picture>> {
    const answer = await this.#fetch(path, { headers: { ...this.#language(), accept: "image/jpeg, video/mp4" } }, (response) => response.blob());
    if (answer === undefined) return UNREACHABLE;
    const { response, body } = answer;
    if (!response.ok) return { ok: false, problem: problem(response.status, undefined) };
    const captured = Number(response.headers.get("sluice-captured-at") ?? NaN);
    return { ok: true, value: { data: body, capturedAt: Number.isFinite(captured) ? captured : undefined } };
  }

  delete(path: string): Promise<Result<undefined>> {
    return this.#call<undefined>("DELETE", path);
  }

  /** What a request must carry beside its body. */
  headers(): Record<string, string> {
    return this.csrf === "" ? this.#language() : { ...this.#language(), "x-sluice-csrf": this.csrf };
  }

  /** What the hub explains, it explains in the console's language. */
  #language(): Record<string, string> {
    return { "accept-language": this.language() };
  }

  async #call<T>(method: string, path: string, body?: unknown, limitMs = CALL_LIMIT_MS): Promise<Result<T>> {
    const headers: Record<string, string> = { accept: "application/json", ...(method === "GET" ? this.#language() : this.headers()) };
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await this.#fetch(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }, parsed, limitMs);
    if (answer === undefined) return UNREACHABLE;
    const { response, body: value } = answer;
    // The shape of a good answer is the API's promise, held by the drift test of the OpenAPI document.
    if (response.ok) return { ok: true, value: value as T };
    if (response.status === 401 && path !== "/login" && path !== "/me") this.onSignedOut();
    return { ok: false, problem: problem(response.status, value) };
  }

  /** Asks the hub and reads the whole answer; undefined where none came in time, or none that can be read. */
  async #fetch<B>(path: string, init: RequestInit, read: (response: Response) => Promise<B>, limitMs = CALL_LIMIT_MS): Promise<{ response: Response; body: B } | undefined> {
    try {
      const response = await fetch(`/api/v1${path}`, { ...init, credentials: "same-origin", signal: AbortSignal.timeout(limitMs) });
      return { response, body: await read(response) };
    } catch {
      return undefined;
    }
  }
}

/** What is told where no answer came. */
const UNREACHABLE: { readonly ok: false; readonly problem: Problem } = { ok: false, problem: { type: "hub-unreachable", title: "The hub does not answer", status: 0 } };

async function parsed(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === "" ? undefined : JSON.parse(text);
}

function problem(status: number, value: unknown): Problem {
  const told = typeof value === "object" && value !== null ? (value as Partial<Problem>) : {};
  return { ...told, status, type: told.type ?? "unknown", title: told.title ?? `The hub answered ${status}` };
}
