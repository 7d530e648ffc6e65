import path from "node:path";
import { freePorts } from "./ports.ts";
import { Program } from "./process.ts";
import { eventually } from "./runner.ts";
import type { Stack } from "./stack.ts";

const START_LIMIT_MS = 20_000;

/** Where a virtual camera's head looks. */
export interface Head {
  readonly pan: number;
  readonly tilt: number;
  readonly zoom: number;
  readonly pan_tilt_moving: boolean;
  readonly zoom_moving: boolean;
}

/**
 * Virtual ONVIF cameras with addresses of their own, which ask for a password. They are found by their addresses: probes
 * to everybody would be answered by the cameras of every other test on this machine.
 */
export class OnvifSite {
  readonly user = "installer";
  readonly password = "right one";
  readonly name: string;
  readonly #program: Program;
  readonly #control: string;
  readonly #network: string;
  readonly #onvif: number;

  private constructor(name: string, network: string, program: Program, control: string, onvif: number) {
    this.name = name;
    this.#network = network;
    this.#program = program;
    this.#control = control;
    this.#onvif = onvif;
  }

  /** Starts `cameras` of them at the addresses behind `network`, such as `127.91.0.0`, with further arguments. */
  static async start(stack: Stack, [name, network]: readonly [string, string], cameras: number, args: readonly string[] = []): Promise<OnvifSite> {
    const { rtsp, faults, http } = await freePorts();
    const [user, password] = ["installer", "right one"];
    const program = new Program(stack.binary("sluice-camsim"), [
      "--cameras", String(cameras), "--name", name, "--listen", `127.0.0.1:${rtsp}`, "--control", `127.0.0.1:${faults}`,
      "--onvif", `${network}:${http}`, "--own-addresses", "--auth", "digest", "--user", user, "--password", password, ...args,
    ], path.join(stack.dir, `camsim-${name.replace(/\W+/g, "-")}.log`));
    program.start();
    const site = new OnvifSite(name, network, program, `http://127.0.0.1:${faults}`, http);
    await eventually(START_LIMIT_MS, () => site.head(1));
    return site;
  }

  /** The address of one camera's ONVIF side, counted from 1. */
  address(camera: number): string {
    const parts = this.#network.split(".").map(Number);
    parts[3] = (parts[3] ?? 0) + camera;
    return `${parts.join(".")}:${this.#onvif}`;
  }

  /** Where a camera looks, counted from 1. */
  async head(camera: number): Promise<Head> {
    this.#program.check();
    const response = await fetch(`${this.#control}/cameras`);
    if (!response.ok) throw new Error(`camsim answered ${response.status}`);
    const cameras = (await response.json()) as readonly { readonly number: number; readonly ptz: Head }[];
    const one = cameras.find(({ number }) => number === camera);
    if (!one) throw new Error(`no camera ${camera}`);
    return one.ptz;
  }

  /** Makes a camera notice something. */
  async event(camera: number, word: string): Promise<void> {
    const response = await fetch(`${this.#control}/cameras/${camera}/events/${word}`, { method: "POST" });
    if (!response.ok) throw new Error(`camsim answered ${response.status}: ${await response.text()}`);
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
