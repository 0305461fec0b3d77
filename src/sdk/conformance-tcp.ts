import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./conformance-target.ts";

const SLOW_MS = 50;
/** A request that is torn is longer than this; what opens a connection is shorter. */
const TORN_BYTES = 256 << 10;

/**
 * A port of loopback in front of a store with a protocol of its own. It knows no requests, so it can
 * bring about less than `HttpFaults`: every answer is lost, whatever it is an answer to.
 */
export class TcpFaults {
  static readonly faults: ReadonlySet<Fault> = new Set(["answer-lost", "torn", "slow", "stuck"]);
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #fault: Fault | null = null;
  #sentBytes = 0;
  #ended = Promise.withResolvers<void>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(store: { readonly host: string; readonly port: number }): Promise<TcpFaults> {
    const server = createServer();
    const faults = new TcpFaults(server);
    server.on("connection", (client) => faults.#join(client, connect(store)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return faults;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  fault(fault: Fault | null): void {
    this.#fault = fault;
    this.#sentBytes = 0;
    this.#ended.resolve();
    this.#ended = Promise.withResolvers();
  }

  async close(): Promise<void> {
    this.fault(null);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, store: Socket): void {
    const cut = (): void => {
      client.destroy();
      store.destroy();
    };
    for (const socket of [client, store]) {
      this.#sockets.add(socket);
      // One side that breaks breaks the other: that is all a wire can tell.
      socket.on("error", cut);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    this.#pump(client, store, true).catch(cut);
    this.#pump(store, client, false).catch(cut);
  }

  async #pump(from: Socket, to: Socket, sends: boolean): Promise<void> {
    for await (const piece of from as AsyncIterable<Buffer>) {
      // Faults may follow one another while this piece waits.
      while (this.#fault === "stuck") await this.#ended.promise;
      if (this.#fault === "slow") await sleep(SLOW_MS);
      if (this.#fault === "answer-lost" && !sends) throw new Error("the answer is lost");
      if (sends) this.#sentBytes += piece.length;
      const torn = this.#fault === "torn" && sends && this.#sentBytes > TORN_BYTES;
      if (torn) throw new Error("the connection is cut");
      if (to.destroyed) return;
      if (!to.write(piece))
        await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
    }
    to.end();
  }
}
