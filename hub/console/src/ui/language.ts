import { en, ptBR, type TextKey } from "./texts.ts";

export type Language = "en" | "pt-BR";

export const LANGUAGES: readonly { readonly code: Language; readonly name: string }[] = [
  { code: "en", name: "English" },
  { code: "pt-BR", name: "Português" },
];

let current: Language = "en";

export function language(): Language {
  return current;
}

export function setLanguage(chosen: Language): void {
  current = chosen;
}

/** The language for a browser that prefers `preferred`, in order. */
export function choose(preferred: readonly string[]): Language {
  const first = preferred.find((tag) => /^(pt|en)\b/i.test(tag));
  return first !== undefined && /^pt/i.test(first) ? "pt-BR" : "en";
}

/** Values for the `{names}` of a text. */
type Values = Readonly<Record<string, string | number>>;

/** Finds texts by their keys, in the chosen language. Pages that are fetched when they are opened bring their own dictionaries. */
export function wording<K extends string>(english: Readonly<Record<K, string>>, portuguese: Readonly<Record<K, string>>): (key: K, values?: Values) => string {
  const dictionaries: Readonly<Record<Language, Readonly<Record<K, string>>>> = { en: english, "pt-BR": portuguese };
  return (key, values = {}) => dictionaries[current][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A text in the chosen language, its `{names}` filled in. */
export const t: (key: TextKey, values?: Values) => string = wording(en, ptBR);

/** The words for a reason: by its code where the dictionary has it, else as they were told. */
export function reasonText(reason: { readonly code: string; readonly text: string }): string {
  const key = `reason.${reason.code}`;
  return key in en ? t(key as TextKey) : reason.text;
}

/** A number of seconds as people read an age: tenths below ten, then whole. */
export function seconds(ms: number): string {
  const digits = ms < 9_950 ? 1 : 0;
  return new Intl.NumberFormat(current, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(ms / 1000) + " s";
}

/** A span of time in its largest fitting unit. */
export function span(ms: number): string {
  const units = [["second", 1_000], ["minute", 60_000], ["hour", 3_600_000], ["day", 86_400_000]] as const;
  const [unit, length] = units.findLast(([, size]) => ms >= 2 * size) ?? units[0];
  return new Intl.NumberFormat(current, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 }).format(ms / length);
}

/** A wall-clock time, with the day where it is not today. */
export function clockTime(unixMs: number, now = Date.now()): string {
  const date = new Date(unixMs);
  const today = new Date(now).toDateString() === date.toDateString();
  const options: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(current, today ? options : { ...options, day: "2-digit", month: "2-digit" }).format(date);
}
