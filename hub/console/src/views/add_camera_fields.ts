import type { TextKey } from "../ui/texts.ts";

export type FormField = "name" | "site" | "via" | "main" | "sub" | "username" | "password";

/** What is wrong with an RTSP address, or undefined. */
export function checkRtspUrl(text: string): TextKey | undefined {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return "form.rtsp";
  }
  if (url.protocol !== "rtsp:" || url.hostname === "") return "form.rtsp";
  // An address is shown, logged and copied; a password must never travel in it.
  return url.username !== "" || url.password !== "" ? "form.no-credentials" : undefined;
}

/** The form's field that a path of the request's body belongs to: `source.tiers[1].url` and `/source/tiers/1/url` alike. */
export function fieldOf(path: string): FormField | undefined {
  const parts = path.split(/[./[\]]+/).filter((part) => part !== "");
  if (parts[0] !== "source") {
    const direct: Readonly<Record<string, FormField>> = { name: "name", site_id: "site", via: "via" };
    return direct[parts[0] ?? ""];
  }
  if (parts[1] === "username" || parts[1] === "password") return parts[1];
  if (parts[1] === "tiers") return parts[2] === "1" ? "sub" : "main";
  return undefined;
}
