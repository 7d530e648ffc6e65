import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, type Ports } from "./ports.ts";
import { Program } from "./process.ts";
import { eventually } from "./runner.ts";
import { scrape, type Scrape } from "./metrics.ts";

declare const __HERE__: string;

const run = promisify(execFile);
const ROOT = path.resolve(__HERE__, "../..");
const USER = "operator";
const CAMERA_USER = "edge";
const START_LIMIT_MS = 30_000;

/** A call's answer, whatever it is. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

/** What a stack may have of its own; the rest is as the tests have it. */
export interface StackOptions {
  /** Its folder below the target folder. */
  readonly folder?: string;
  /** How many cameras. */
  readonly cameras?: number;
  /** Further arguments of `sluice-camsim`. */
  readonly camsim?: readonly string[];
  /** The tiers of each camera. */
  readonly tiers?: readonly string[];
  /** Further lines of the hub's `[webrtc]`. */
  readonly webrtc?: readonly string[];
  /** Further lines of the edge's configuration. */
  readonly edge?: readonly string[];
  /** Further fields of each `POST /cameras`. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Hub, edge and virtual cameras of these tests' own, on free ports, each of which can be killed and started again. */
export class Stack {
  readonly dir: string;
  readonly password = randomBytes(8).toString("hex");
  readonly user = USER;
  readonly cameras: { readonly id: string; readonly name: string }[] = [];
  token = "";
  readonly hub: Program;
  readonly edge: Program;
  readonly camsim: Program;
  readonly #ports: Ports;
  readonly #binaries: string;
  #issued: { readonly device_id: string; readonly site_id: string } | undefined;
  readonly #options: StackOptions;
  readonly cameraUser = CAMERA_USER;
  readonly cameraPassword = randomBytes(8).toString("hex");

  private constructor(ports: Ports, binaries: string, options: StackOptions) {
    this.#ports = ports;
    this.#binaries = binaries;
    this.#options = options;
    this.dir = path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, "target"), options.folder ?? "browser");
    const log = (name: string): string => path.join(this.dir, `${name}.log`);
    this.hub = new Program(this.binary("sluice-hub"), ["serve", "--config", path.join(this.dir, "hub.toml")], log("hub"));
    this.edge = new Program(this.binary("sluice-edge"), ["run", "--config", path.join(this.dir, "edge/edge.toml")], log("edge"));
    this.camsim = new Program(this.binary("sluice-camsim"), [
      "--cameras", String(this.#count), "--listen", local(ports.rtsp), "--control", local(ports.faults),
      "--auth", "digest", "--user", CAMERA_USER, "--password", this.cameraPassword, ...(options.camsim ?? []),
    ], log("camsim"));
  }

  /** The console's address; the certificate is the hub's own. */
  get url(): string {
    return `https://localhost:${this.#ports.https}`;
  }

  /** The port of the console and of the media. */
  get httpsPort(): number {
    return this.#ports.https;
  }

  /** Where one of the programs lies. */
  binary(name: string): string {
    return path.join(this.#binaries, name);
  }

  /** Where a virtual camera (counted from 1) streams. */
  rtsp(camera: number, tier: string): string {
    return `rtsp://${local(this.#ports.rtsp)}/cam/${camera}/${tier}`;
  }

  /** Starts everything and waits until the cameras, four if not said otherwise, are ready. */
  static async start(options: StackOptions = {}): Promise<Stack> {
    const stack = new Stack(await freePorts(), binaries(), options);
    rmSync(stack.dir, { recursive: true, force: true });
    mkdirSync(stack.dir, { recursive: true });
    try {
      await stack.#start();
    } catch (error) {
      await stack.stop();
      throw error;
    }
    return stack;
  }

  async #start(): Promise<void> {
    this.#writeHubConfig();
    const passwordFile = path.join(this.dir, "password");
    writeFileSync(passwordFile, this.password);
    await this.#admin("user", "--name", USER, "--role", "admin", "--password-file", passwordFile);
    const issued = JSON.parse(await this.#admin(
      "issue", "--site", "Test site", "--name", "Test edge", "--hub", local(this.#ports.link), "--out", path.join(this.dir, "edge"),
      "--private-listen", local(this.#ports.edgePrivate), "--json",
    )) as { device_id: string; site_id: string };
    this.#issued = issued;
    appendFileSync(path.join(this.dir, "edge/edge.toml"), ["", ...(this.#options.edge ?? []), ""].join("\n"));
    this.camsim.start();
    this.hub.start();
    await this.answers();
    this.edge.start();
    this.token = await this.#makeToken();
    // A camera can be added once its device has told the key that passwords are sealed for.
    for (let number = 1; number <= this.#count; number += 1) await eventually(START_LIMIT_MS, () => this.#addCamera(number));
    await this.camerasReady();
  }

  /** Waits until the hub answers. */
  async answers(): Promise<void> {
    await eventually(START_LIMIT_MS, async () => {
      this.hub.check();
      const response = await fetch(`${this.#plain}/api/v1/time`);
      if (!response.ok) throw new Error(`the hub answered ${response.status}`);
    });
  }

  /** Waits until every camera is well. */
  async camerasReady(): Promise<void> {
    const well = this.#options.fields?.warm === "none" ? ["off", "live"] : ["ready", "live"];
    await eventually(START_LIMIT_MS, async () => {
      this.edge.check();
      const { body } = await this.call("GET", "/cameras");
      const states = (body.items as { name: string; state: { code: string } }[]).filter(({ state }) => !well.includes(state.code));
      if (states.length > 0) throw new Error(`not ready: ${JSON.stringify(states)}`);
    });
  }

  /** One call of the API as another dashboard's backend would make it. */
  async call(method: string, resource: string, body?: unknown, token = this.token): Promise<Answer> {
    const response = await fetch(`${this.#plain}/api/v1${resource}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return readAnswer(response);
  }

  /** Asks to play one camera, without a browser. */
  async play(cameraId: string): Promise<Record<string, unknown>> {
    const { body } = await this.call("POST", "/play", { cameras: [{ id: cameraId }] });
    return (body.items as Record<string, unknown>[])[0] ?? {};
  }

  /** A WHEP offer sent from here, for tests of what the front refuses. */
  async offer(url: string, token: string | undefined, sdp: string): Promise<Answer> {
    const target = new URL(url);
    const response = await fetch(`${this.#plain}${target.pathname}`, {
      method: "POST",
      headers: { "content-type": "application/sdp", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      body: sdp,
    });
    return readAnswer(response);
  }

  hubMetrics(): Promise<Scrape> {
    return scrape(`http://${local(this.#ports.hubPrivate)}/metrics`);
  }

  edgeMetrics(): Promise<Scrape> {
    return scrape(`http://${local(this.#ports.edgePrivate)}/metrics`);
  }

  /** Makes a virtual camera (counted from 1) misbehave, or `restore`s it. */
  async fault(camera: number, word: string): Promise<void> {
    const response = await fetch(`http://${local(this.#ports.faults)}/cameras/${camera}/faults/${word}`, { method: "POST" });
    if (!response.ok) throw new Error(`camsim answered ${response.status}: ${await response.text()}`);
  }

  /** Makes good whatever a test that failed half-way left broken. */
  async mend(): Promise<void> {
    const stopped = [this.hub, this.edge].filter((program) => !program.running);
    for (const program of stopped) program.start();
    if (stopped.length > 0) await this.answers();
    const restored = await fetch(`http://${local(this.#ports.faults)}/cameras/all/faults/restore`, { method: "POST" });
    if (!restored.ok) throw new Error(`camsim answered ${restored.status}`);
  }

  async stop(): Promise<void> {
    await this.edge.stop();
    await this.hub.stop();
    await this.camsim.stop();
  }

  get #count(): number {
    return this.#options.cameras ?? 4;
  }

  get #plain(): string {
    return `http://${local(this.#ports.http)}`;
  }

  #writeHubConfig(): void {
    const { https, http, link, webrtc, hubPrivate } = this.#ports;
    writeFileSync(path.join(this.dir, "hub.toml"), [
      `state_dir = ${JSON.stringify(path.join(this.dir, "hub"))}`,
      "[http]", `tls_listen = "${local(https)}"`, `plain_listen = "${local(http)}"`,
      "[link]", `listen = "${local(link)}"`,
      "[webrtc]", `listen = "${local(webrtc)}"`, ...(this.#options.webrtc ?? []),
      "[private]", `listen = "${local(hubPrivate)}"`, "",
    ].join("\n"));
  }

  async #admin(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(this.binary("sluice-hub"), ["admin", ...args, "--config", path.join(this.dir, "hub.toml")]);
    return stdout;
  }

  async #makeToken(): Promise<string> {
    const login = await fetch(`${this.#plain}/api/v1/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: USER, password: this.password }),
    });
    const { csrf } = (await login.json()) as { csrf: string };
    const made = await fetch(`${this.#plain}/api/v1/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-sluice-csrf": csrf, cookie: login.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ") },
      body: JSON.stringify({ name: "browser tests", scopes: ["play", "read", "admin"] }),
    });
    const { body, status } = await readAnswer(made);
    if (typeof body.token !== "string") throw new Error(`no token, but ${status} ${JSON.stringify(body)}`);
    return body.token;
  }

  async #addCamera(number: number): Promise<void> {
    const name = `Camera ${number}`;
    const tiers = (this.#options.tiers ?? ["main", "sub"]).map((tier) => ({ tier, url: this.rtsp(number, tier) }));
    const id = await this.addCamera(name, tiers, { username: CAMERA_USER, password: this.cameraPassword });
    this.cameras.push({ id, name });
  }

  /** Adds a camera by the address of its ONVIF side; its id. Answers once its streams are known. */
  async addByOnvif(name: string, address: string, account: { readonly username: string; readonly password: string }): Promise<string> {
    const { status, body } = await this.call("POST", "/cameras", {
      name, site_id: this.#issued?.site_id, via: this.#issued?.device_id, source: { type: "onvif", address, ...account },
    });
    const { id } = body as { readonly id?: string };
    if (id === undefined) throw new Error(`adding ${name} was answered ${status}: ${JSON.stringify(body)}`);
    return id;
  }

  /** Adds a camera that the edge pulls, and answers its id. */
  async addCamera(name: string, tiers: readonly { readonly tier: string; readonly url: string }[], account: Readonly<Record<string, string>> = {}, fields: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { status, body } = await this.call("POST", "/cameras", {
      name, site_id: this.#issued?.site_id, via: this.#issued?.device_id,
      source: { type: "rtsp", ...account, tiers },
      ...this.#options.fields, ...fields,
    });
    if (status !== 201 || typeof body.id !== "string") throw new Error(`adding ${name}: ${status} ${JSON.stringify(body)}`);
    return body.id;
  }
}

function local(port: number): string {
  return `127.0.0.1:${port}`;
}

/** Where cargo put the programs. */
function binaries(): string {
  const dir = process.env.SLUICE_BIN_DIR ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, "target"), "debug");
  const missing = ["sluice-hub", "sluice-edge", "sluice-camsim"].filter((name) => !existsSync(path.join(dir, name)));
  if (missing.length > 0) throw new Error(`${missing.join(", ")} not built in ${dir}; run \`make binaries\``);
  return dir;
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = { text };
  }
  return { status: response.status, body: body as Record<string, unknown>, headers: response.headers };
}
