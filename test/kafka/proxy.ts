import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * A port in front of a broker that can fall silent (bytes go nowhere, connections stay open) or break
 * all connections: what a network does that a dead process does not.
 */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #silent = false;
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server);
    server.on("connection", (inner) => proxy.#join(inner, connect(target)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get open(): number {
    return this.#sockets.size / 2;
  }

  silence(on: boolean): void {
    this.#silent = on;
  }

  breakAll(): void {
    for (const s of this.#sockets) s.destroy();
  }

  async close(): Promise<void> {
    this.breakAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(inner: Socket, outer: Socket): void {
    this.accepted += 1;
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (b) => {
        if (!this.#silent) to.write(b);
      });
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
