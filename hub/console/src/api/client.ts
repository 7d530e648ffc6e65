import type { Problem } from "./types.ts";

/** How a call ended. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** A call without an answer is given up after this, ms. */
const CALL_LIMIT_MS = 15_000;

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

  post<T>(path: string, body: unknown): Promise<Result<T>> {
    return this.#call<T>("POST", path, body);
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

  async #call<T>(method: string, path: string, body?: unknown): Promise<Result<T>> {
    const headers: Record<string, string> = { accept: "application/json", ...(method === "GET" ? this.#language() : this.headers()) };
    if (body !== undefined) headers["content-type"] = "application/json";
    let response: Response;
    let value: unknown;
    try {
      response = await fetch(`/api/v1${path}`, {
        method,
        headers,
        credentials: "same-origin",
        signal: AbortSignal.timeout(CALL_LIMIT_MS),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      value = text === "" ? undefined : JSON.parse(text);
    } catch {
      return { ok: false, problem: { type: "hub-unreachable", title: "The hub does not answer", status: 0 } };
    }
    // The shape of a good answer is the API's promise, held by the drift test of the OpenAPI document.
    if (response.ok) return { ok: true, value: value as T };
    if (response.status === 401 && path !== "/login" && path !== "/me") this.onSignedOut();
    return { ok: false, problem: problem(response.status, value) };
  }
}

function problem(status: number, value: unknown): Problem {
  const told = typeof value === "object" && value !== null ? (value as Partial<Problem>) : {};
  return { ...told, status, type: told.type ?? "unknown", title: told.title ?? `The hub answered ${status}` };
}
