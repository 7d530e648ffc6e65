import type { Try } from "../api/types.ts";

/** One typed row of the form that tries passwords. */
export interface CredentialRow {
  readonly username: string;
  readonly password: string;
  readonly keep: boolean;
}

export type TryRequest = { readonly ok: true; readonly body: Try } | { readonly ok: false; readonly fault: "empty" | "half"; readonly row: number };

/** The request for what was typed: empty rows say nothing, the same pair twice is tried once, and a password alone is a slip. */
export function tryRequest(ids: readonly string[], rows: readonly CredentialRow[], bank: boolean): TryRequest {
  const half = rows.findIndex(({ username, password }) => username.trim() === "" && password !== "");
  if (half >= 0) return { ok: false, fault: "half", row: half };
  const credentials = new Map<string, NonNullable<Try["credentials"]>[number]>();
  for (const { username, password, keep } of rows) {
    const user = username.trim();
    if (user === "") continue;
    const pair = JSON.stringify([user, password]);
    const kept = keep || (credentials.get(pair)?.keep ?? false);
    credentials.set(pair, { username: user, password, keep: kept, ...(kept && { label: user }) });
  }
  if (credentials.size === 0 && !bank) return { ok: false, fault: "empty", row: 0 };
  return { ok: true, body: { ids, credentials: [...credentials.values()], bank } };
}

/** What is neither an address range nor an address, of what was typed line by line. */
export interface Places {
  readonly ranges: readonly string[];
  readonly addresses: readonly string[];
  readonly bad: string | undefined;
}

/** The places of two boxes with one entry in each line. A range in the box of addresses is still a range. */
export function places(ranges: string, addresses: string): Places {
  const lines = `${ranges}\n${addresses}`.split(/[\s,;]+/).filter((line) => line !== "");
  const found = { ranges: [] as string[], addresses: [] as string[] };
  for (const line of lines) {
    if (RANGE.test(line)) found.ranges.push(line);
    else if (ADDRESS.test(line)) found.addresses.push(line);
    else return { ...found, bad: line };
  }
  return { ...found, bad: undefined };
}

const RANGE = /^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/;
/** A host, a host with its port, or the address of a device service; never with a user or a password in it. */
const ADDRESS = /^(https?:\/\/[\w.:[\]-]+(\/[^\s@]*)?|[\w.-]+(:\d{1,5})?|\[[\da-f:]+\](:\d{1,5})?)$/i;
