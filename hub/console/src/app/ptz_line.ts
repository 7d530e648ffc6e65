import type { Result } from "../api/client.ts";
import type { Move, Problem } from "../api/types.ts";

/** The data channel over which a node takes moves; reliable, in order, and apart from the one that tells the picture's age. */
export const CONTROL_CHANNEL = "sluice-control";
/** The node gives the hub 10 s; whoever has not answered by then does not. In ms. */
const ANSWER_LIMIT_MS = 12_000;

const DONE: Result<unknown> = { ok: true, value: undefined };

/** As much of a data channel as is used here. */
export type ControlChannel = Pick<RTCDataChannel, "readyState" | "send" | "close" | "addEventListener">;

interface Waiting {
  readonly move: Move;
  readonly settle: (answer: Result<unknown>) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * One camera's moves: over the connection that shows its picture while that has a channel for them, so that they take the
 * shortest way and end with it; else, and where that breaks with a stop under way, by the API.
 */
export class PtzLine {
  readonly #open: () => ControlChannel | undefined;
  readonly #post: (move: Move) => Promise<Result<unknown>>;
  readonly #waiting = new Map<number, Waiting>();
  #channel: ControlChannel | undefined;
  #last = 0;

  constructor(open: () => ControlChannel | undefined, post: (move: Move) => Promise<Result<unknown>>) {
    this.#open = open;
    this.#post = post;
  }

  /** Sees to it that there is a channel where the picture's connection can have one; to be called when that may be another. */
  prepare(): void {
    this.#settleLost();
    const state = this.#channel?.readyState;
    if (state === "open" || state === "connecting") return;
    const channel = this.#tryOpen();
    this.#channel = channel;
    channel?.addEventListener("message", (event) => { this.#answered((event as MessageEvent<unknown>).data); });
    channel?.addEventListener("close", () => { this.#settleLost(); });
  }

  /** Lets the camera move so. */
  async send(move: Move): Promise<Result<unknown>> {
    if (this.#channel?.readyState !== "open") return this.#post(move);
    const id = ++this.#last;
    const answer = new Promise<Result<unknown>>((settle) => {
      const timer = setTimeout(() => { this.#settle(id, { ok: false, problem: SILENT }); }, ANSWER_LIMIT_MS);
      this.#waiting.set(id, { move, settle, timer });
    });
    try {
      this.#channel.send(JSON.stringify({ id, ptz: move }));
    } catch {
      // It is closing, or its queue is full.
      void this.#post(move).then((posted) => { this.#settle(id, posted); });
    }
    return answer;
  }

  /** Nobody waits any more; a stop that was not answered goes the other way too. */
  close(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#settleLost();
    channel?.close();
  }

  #tryOpen(): ControlChannel | undefined {
    try {
      return this.#open();
    } catch {
      // The connection is ending.
      return undefined;
    }
  }

  #answered(data: unknown): void {
    const { id, problem } = parse(data);
    // A later wish took its place: nothing that anybody need know.
    if (id !== undefined) this.#settle(id, problem === undefined || problem.type === "superseded" ? DONE : { ok: false, problem });
  }

  #settle(id: number, answer: Result<unknown>): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    waiting?.settle(answer);
  }

  /** Nobody answers over a channel that is closed. Whether a stop arrived is not known, so it goes the other way too. */
  #settleLost(): void {
    if (this.#channel?.readyState === "open") return;
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { move, settle, timer } of lost) {
      clearTimeout(timer);
      if (move.stop === true) void this.#post(move).then(settle);
      else settle(DONE);
    }
  }
}

const SILENT: Problem = { type: "device-silent", title: "No answer came in time", status: 0 };

function parse(data: unknown): { readonly id?: number; readonly problem?: Problem } {
  try {
    const answer: unknown = typeof data === "string" ? JSON.parse(data) : undefined;
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}
