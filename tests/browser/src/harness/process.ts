import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { within } from "./runner.ts";

/** How long a program may take to end when asked. */
const END_LIMIT_MS = 10_000;

/** One program of Sluice as a child, its output appended to a log. It can be killed and started again. */
export class Program {
  readonly name: string;
  readonly log: string;
  readonly #binary: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  constructor(binary: string, args: readonly string[], log: string) {
    this.name = binary.split("/").at(-1) ?? binary;
    this.#binary = binary;
    this.#args = args;
    this.log = log;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    const out = openSync(this.log, "a");
    this.#child = spawn(this.#binary, [...this.#args], { stdio: ["ignore", out, out] });
    this.#child.on("error", () => undefined);
    closeSync(out);
  }

  /** Throws, with the end of its log, if it is not running. */
  check(): void {
    const child = this.#child;
    if (this.running) return;
    throw new Error(`${this.name} has ended (${String(child?.exitCode ?? child?.signalCode)}):\n${this.tail()}`);
  }

  /** Ends it as a power cut does. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Asks it to end, and kills it if it does not. */
  async stop(): Promise<void> {
    await this.#end("SIGINT").catch(() => this.#end("SIGKILL"));
  }

  tail(lines = 15): string {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").trimEnd().split("\n").slice(-lines).join("\n") : "";
  }

  async #end(signal: "SIGINT" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => { resolve(); }));
    child.kill(signal);
    await within(END_LIMIT_MS, ended, `${this.name} does not end`);
  }
}
