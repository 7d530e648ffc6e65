import type { WarmWindow } from "../api/types.ts";

/** The days as the hub names them, the week beginning on Monday. */
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** More than the hub takes. */
export const MOST_HOURS = 16;

/** What somebody who adds hours most likely means. */
export const OFFICE_HOURS: WarmWindow = { days: DAYS.slice(0, 5), from: "08:00", to: "18:00", warm: "main" };

/** A day's name in a language, short or long. */
export function dayName(at: number, language: string, weekday: "short" | "long"): string {
  // The first of January 2024 was a Monday.
  const name = new Intl.DateTimeFormat(language, { weekday, timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + at));
  return name.replace(/\.$/, "");
}

/** Whether hours go on past midnight. */
export function endsNextDay({ from, to }: Pick<WarmWindow, "from" | "to">): boolean {
  return from !== "" && to !== "" && to <= from;
}

/** What is missing from hours before the hub can take them. */
export function missing({ days, from, to }: WarmWindow): "no-day" | "no-time" | undefined {
  if (days.length === 0) return "no-day";
  return from === "" || to === "" ? "no-time" : undefined;
}

export function sameHours(a: readonly WarmWindow[], b: readonly WarmWindow[]): boolean {
  return JSON.stringify(a.map(inOrder)) === JSON.stringify(b.map(inOrder));
}

/** When something changes, by the clock of a place; with its day where that is not today there. */
export function placeTime(rfc3339: string, zone: string, language: string, now = Date.now()): string {
  const [at, timeZone] = [Date.parse(rfc3339), known(zone)];
  const day = (ms: number): string => new Intl.DateTimeFormat("en", { dateStyle: "short", timeZone }).format(ms);
  const hours: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  return new Intl.DateTimeFormat(language, day(at) === day(now) ? hours : { ...hours, weekday: "long" }).format(at);
}

/** A browser may be older than a time zone: then by UTC. */
function known(timeZone: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

function inOrder({ days, from, to, warm }: WarmWindow): WarmWindow {
  return { days: DAYS.filter((day) => days.includes(day)), from, to, warm };
}
