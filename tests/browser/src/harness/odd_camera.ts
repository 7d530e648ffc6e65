import { mkdirSync } from "node:fs";
import path from "node:path";
import { freePorts } from "./ports.ts";
import { Program } from "./process.ts";
import { eventually } from "./runner.ts";
import type { Stack } from "./stack.ts";

const READY_LIMIT_MS = 30_000;

/** One virtual camera unlike the others, in a program of its own, added to the hub while a test needs it. */
export class OddCamera {
  readonly id: string;
  readonly name: string;
  readonly #stack: Stack;
  readonly #program: Program;

  private constructor(stack: Stack, program: Program, id: string, name: string) {
    this.#stack = stack;
    this.#program = program;
    this.id = id;
    this.name = name;
  }

  /**
   * Starts it with these arguments of `sluice-camsim`, adds its small picture, and a big one of this size if there is to
   * be one, and waits until the edge knows it.
   */
  static async start(stack: Stack, name: string, args: readonly string[], main = "none"): Promise<OddCamera> {
    const { rtsp } = await freePorts();
    mkdirSync(stack.dir, { recursive: true });
    const program = new Program(stack.binary("sluice-camsim"), [
      "--cameras", "1", "--name", name, "--main", main, "--sub", "640x360", "--listen", `127.0.0.1:${rtsp}`, ...args,
    ], path.join(stack.dir, `camsim-${name.replace(/\W+/g, "-")}.log`));
    program.start();
    try {
      const tiers = main === "none" ? ["sub"] : ["sub", "main"];
      const id = await stack.addCamera(name, tiers.map((tier) => ({ tier, url: `rtsp://127.0.0.1:${rtsp}/cam/1/${tier}` })), {}, { warm: "all" });
      const camera = new OddCamera(stack, program, id, name);
      await camera.#known();
      return camera;
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  /** What the hub says of its stream. */
  async stream(): Promise<Record<string, unknown>> {
    const { body } = await this.#stack.call("GET", `/cameras/${this.id}`);
    return (body.tiers as Record<string, unknown>[])[0] ?? {};
  }

  /** What the hub says of all its streams. */
  async #streams(): Promise<Record<string, unknown>[]> {
    const { body } = await this.#stack.call("GET", `/cameras/${this.id}`);
    return body.tiers as Record<string, unknown>[];
  }

  async end(): Promise<void> {
    await this.#stack.call("DELETE", `/cameras/${this.id}`);
    await this.#program.stop();
  }

  /** The codec is known once the edge has opened it. */
  async #known(): Promise<void> {
    await eventually(READY_LIMIT_MS, async () => {
      this.#program.check();
      const streams = await this.#streams();
      if (streams.some(({ codec }) => typeof codec !== "string")) throw new Error(`not known yet: ${JSON.stringify(streams)}`);
    });
  }
}
