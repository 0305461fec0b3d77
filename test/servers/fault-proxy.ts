import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What happens to connections; every field may change at any time. */
export interface Faults {
  /** Bytes from the client after which the next connection that sends as many is cut. */
  cutAfterSent: number;
  /** The same for bytes from the server. */
  cutAfterAnswered: number;
  /** Requests that begin so, or that it takes, get through; their answers are lost with the connection. */
  loseAnswerTo: string | ((request: Buffer) => boolean) | undefined;
  /** Each piece is held this long. */
  latencyMs: number;
  /** So much goes through each connection and way, in small pieces. */
  bytesPerSecond: number;
  /** Bytes go nowhere, connections stay open. */
  silent: boolean;
  /** One way only: what the server says goes nowhere, connections stay open. */
  deaf: boolean;
  /** New connections are reset at once. */
  refuse: boolean;
}

const NONE: Faults = {
  cutAfterSent: Number.POSITIVE_INFINITY,
  cutAfterAnswered: Number.POSITIVE_INFINITY,
  loseAnswerTo: undefined,
  latencyMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  silent: false,
  deaf: false,
  refuse: false,
};

/** A port of loopback in front of a server, which does what networks do. Cuts are resets. */
export class FaultProxy {
  readonly faults: Faults = { ...NONE };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that a limit or a lost answer has cut. */
  cuts = 0;
  /** Pieces that went nowhere. */
  swallowed = 0;
  /** Pieces that went slowly. */
  dripped = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server);
    server.on("connection", (client) => proxy.#join(client, connect(target)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** No more faults; what is open stays open. */
  heal(): void {
    Object.assign(this.faults, NONE);
  }

  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.resetAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, server: Socket): void {
    if (this.faults.refuse) {
      client.resetAndDestroy();
      server.destroy();
      return;
    }
    let losing = false;
    const reset = (): void => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    const pass = (from: Socket, to: Socket, limit: () => number): void => {
      let passed = 0;
      this.#sockets.add(from);
      from.on("data", (piece: Buffer) => {
        if (this.faults.silent || (this.faults.deaf && from === server)) {
          this.swallowed += 1;
          return;
        }
        if (from === client) losing ||= this.#answerIsLost(piece);
        if (from === server && losing) {
          this.cuts += 1;
          reset();
          return;
        }
        const room = limit() - passed;
        passed += piece.length;
        const { latencyMs, bytesPerSecond } = this.faults;
        if (Number.isFinite(bytesPerSecond)) {
          this.#drip(piece, from, to);
          return;
        }
        const write = (): void => {
          if (room > 0) to.write(piece.subarray(0, Math.min(piece.length, room)));
          if (piece.length < room || !Number.isFinite(room)) return;
          this.cuts += 1;
          // What was let through still arrives; a reset would overtake it.
          setTimeout(reset, 20);
        };
        if (latencyMs > 0) setTimeout(write, latencyMs);
        else write();
      });
      from.on("end", () => setTimeout(() => to.end(), this.faults.latencyMs));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    };
    pass(client, server, () => this.faults.cutAfterSent);
    pass(server, client, () => this.faults.cutAfterAnswered);
  }

  #answerIsLost(request: Buffer): boolean {
    const { loseAnswerTo } = this.faults;
    if (loseAnswerTo === undefined) return false;
    if (typeof loseAnswerTo === "function") return loseAnswerTo(request);
    return request.subarray(0, loseAnswerTo.length).toString("latin1") === loseAnswerTo;
  }

  /** A tenth of a second's worth at a time; nothing more is read meanwhile. */
  #drip(piece: Buffer, from: Socket, to: Socket): void {
    this.dripped += 1;
    from.pause();
    let at = 0;
    const next = (): void => {
      if (to.destroyed) return;
      const room = Math.max(1, this.faults.bytesPerSecond / 10);
      to.write(piece.subarray(at, at + room));
      at += room;
      if (at < piece.length) setTimeout(next, 100);
      else from.resume();
    };
    setTimeout(next, 100);
  }
}
