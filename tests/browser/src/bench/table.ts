import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import path from "node:path";

/** One figure, as `sluice-load bench` writes it. */
export interface Row {
  readonly section: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most it may be. */
  readonly target: number | null;
}

/** What was measured, and what could not be. */
export interface Measured {
  readonly rows: readonly Row[];
  readonly failures: readonly string[];
}

/** The smallest value that this share of the values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error("nothing was measured");
  return value;
}

/** Two rows in milliseconds: the median and what one in twenty exceeds. */
export function spread(section: string, what: string, values: readonly number[], targets: { readonly p50?: number; readonly p95?: number } = {}): Row[] {
  const row = (name: "p50" | "p95", share: number): Row => ({ section, what: `${what}, ${name}`, value: percentile(values, share), unit: "ms", target: targets[name] ?? null });
  return [row("p50", 0.5), row("p95", 0.95)];
}

/** Writes the file that `sluice-load bench --merge` reads. */
export function write(file: string, { rows, failures }: Measured): void {
  const [processor] = cpus();
  const machine = {
    processor: processor?.model ?? "", processors: cpus().length, kernel: release(),
    load: readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" "),
  };
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ machine, rows, failures }, undefined, 2)}\n`);
}
