import type { Reason } from "./session.ts";

/** Code (last part of the problem's `type`) and words of problem+json (RFC 9457), as far as it has them. */
export function problemOf(body: unknown): Partial<Reason> {
  if (typeof body !== "object" || body === null) return {};
  const { type, title, detail } = body as Record<string, unknown>;
  const code = typeof type === "string" ? type.split(/[/#:]/).at(-1) : undefined;
  const text = typeof detail === "string" ? detail : title;
  return { ...(code && { code }), ...(typeof text === "string" && { text }) };
}

/** The same of a text that may be anything. */
export function problemIn(text: string): Partial<Reason> {
  try {
    return problemOf(JSON.parse(text));
  } catch {
    return {};
  }
}
