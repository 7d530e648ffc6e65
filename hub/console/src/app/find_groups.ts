import type { Device, Discovery, Site } from "../api/types.ts";

/** Which of the found cameras are shown. */
export type FindFilter = "new" | "accepted" | "ignored";
export const FILTERS: readonly FindFilter[] = ["new", "accepted", "ignored"];

/** The found cameras of one device. */
export interface FindGroup {
  readonly site: string;
  readonly device: Device | undefined;
  readonly deviceId: string;
  readonly items: readonly Discovery[];
}

/** What decides which list a found camera is in. */
export function listOf(find: Pick<Discovery, "camera_id" | "ignored">): FindFilter {
  if (find.camera_id != null) return "accepted";
  return find.ignored ? "ignored" : "new";
}

export function countBy(items: readonly Discovery[]): Readonly<Record<FindFilter, number>> {
  const counts = { new: 0, accepted: 0, ignored: 0 };
  for (const item of items) counts[listOf(item)] += 1;
  return counts;
}

/** Whether its streams are known, so that it can become a camera. */
export function acceptable(find: Discovery): boolean {
  return find.state === "understood" && find.tiers.length > 0 && find.camera_id == null;
}

/** Whether passwords may be tried at it. */
export function tryable(find: Discovery): boolean {
  return find.camera_id == null && ["needs-credentials", "refused", "understood", "asking", "changed"].includes(find.state);
}

/** The shown cameras by site and device, in the order people look for them: names, then addresses by their numbers. */
export function groupFinds(
  items: readonly Discovery[],
  registry: { readonly sites: readonly Site[]; readonly devices: readonly Device[] },
  filter: FindFilter,
  search: string,
): readonly FindGroup[] {
  const wanted = items.filter((item) => listOf(item) === filter && matches(item, search));
  const byDevice = new Map<string, Discovery[]>();
  for (const item of wanted) byDevice.set(item.device_id, [...(byDevice.get(item.device_id) ?? []), item]);
  const groups = [...byDevice].map(([deviceId, found]): FindGroup => ({
    site: registry.sites.find(({ id }) => id === found[0]?.site_id)?.name ?? "",
    device: registry.devices.find(({ id }) => id === deviceId),
    deviceId,
    items: found.toSorted(byPlace),
  }));
  return groups.toSorted((a, b) => compare(a.site, b.site) || compare(a.device?.name ?? a.deviceId, b.device?.name ?? b.deviceId));
}

function matches(item: Discovery, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const text = [item.name, item.manufacturer, item.model, item.address ?? "", item.serial, item.hardware_address, item.key].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function byPlace(a: Discovery, b: Discovery): number {
  return compare(a.address ?? "", b.address ?? "") || compare(a.key, b.key) || a.channel - b.channel;
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, undefined, { numeric: true });
}

/** What a found camera is called: its own name, else maker and model, else its address. */
export function findName(find: Pick<Discovery, "name" | "manufacturer" | "model" | "address">): string {
  const named = find.name.trim();
  if (named !== "") return named;
  const made = `${find.manufacturer} ${find.model}`.trim();
  return made === "" ? (find.address ?? "?") : made;
}

/** Names to accept cameras under: the channels of one recorder are numbered, and none is like another or like one of `taken`. */
export function proposeNames(finds: readonly Discovery[], all: readonly Discovery[], taken: readonly string[]): ReadonlyMap<string, string> {
  const used = new Set(taken);
  const names = new Map<string, string>();
  for (const find of finds) {
    const channels = all.filter(({ key, device_id }) => key === find.key && device_id === find.device_id).length;
    const base = channels > 1 ? `${findName(find)} ${find.channel + 1}` : findName(find);
    let name = base;
    for (let number = 2; used.has(name); number += 1) name = `${base} (${number})`;
    used.add(name);
    names.set(find.id, name);
  }
  return names;
}
