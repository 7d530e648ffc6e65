import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to a server over which every byte takes `delayMs` longer, in each direction. TLS passes through it as it is. */
export class DelayedLink {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  /** Listens on a free port of the loopback and carries everything to `target`, a port of the loopback too. */
  static async to(target: number, delayMs: number): Promise<DelayedLink> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      const far = connect({ port: target, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
      for (const [from, to] of [[near, far], [far, near]] as const) {
        sockets.add(from);
        later(from, to, delayMs);
        from.on("error", () => { to.destroy(); });
        from.on("close", () => { sockets.delete(from); });
      }
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
    return new DelayedLink(server, sockets, port);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => { resolve(); }));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Timers of one length fire in the order they were set, so the bytes keep theirs. */
function later(from: Socket, to: Socket, delayMs: number): void {
  from.on("data", (bytes: Buffer) => {
    setTimeout(() => { if (!to.destroyed) to.write(bytes); }, delayMs);
  });
  from.on("end", () => {
    setTimeout(() => { if (!to.destroyed) to.end(); }, delayMs);
  });
}
