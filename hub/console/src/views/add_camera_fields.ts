import type { FormKey } from "../ui/texts_form.ts";

export type FormField = "name" | "site" | "via" | "address" | "main" | "sub" | "username" | "password";

/** What is wrong with a camera's own address, or undefined: a host, a host and a port, or the URL of its device service. */
export function checkAddress(text: string): FormKey | undefined {
  const address = text.trim();
  if (address.includes("@")) return "form.no-credentials";
  try {
    const url = new URL(/^https?:\/\//i.test(address) ? address : `http://${address}`);
    return url.hostname === "" || /\s/.test(address) || /^[a-z]+:\/\//i.test(address.replace(/^https?:\/\//i, "")) ? "form.bad-address" : undefined;
  } catch {
    return "form.bad-address";
  }
}

/** What is wrong with an RTSP address, or undefined. */
export function checkRtspUrl(text: string): FormKey | undefined {
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
  if (parts[1] === "username" || parts[1] === "password" || parts[1] === "address") return parts[1];
  if (parts[1] === "tiers") return parts[2] === "1" ? "sub" : "main";
  return undefined;
}
