import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * A port in front of a node that loses answers or breaks connections at a chosen byte: what a
 * network does in the middle of a batch.
 */
export class FaultyLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #losing = false;
  #loseAfter: string | undefined;
  #cutAfterBytes: number | undefined;
  /** How often what was asked for happened. */
  faults = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(contactPoint: string): Promise<FaultyLink> {
    const [host = "", port = ""] = contactPoint.split(":");
    const server = createServer();
    const link = new FaultyLink(server);
    server.on("connection", (client) => link.#join(client, connect(Number(port), host)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return link;
  }

  get contactPoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next request that has this text reaches the node, its answer comes to nobody. */
  loseAnswerTo(text: string): void {
    this.#loseAfter = text;
  }

  /** Every connection breaks when so many more bytes went to the node. */
  cutAfter(bytes: number): void {
    this.#cutAfterBytes = bytes;
  }

  async close(): Promise<void> {
    this.#breakAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #breakAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #join(client: Socket, node: Socket): void {
    for (const [from, to] of [
      [client, node],
      [node, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    client.on("data", (bytes) => this.#toNode(bytes, node));
    node.on("data", (bytes) => {
      if (this.#losing) this.#losing = false;
      else client.write(bytes);
    });
  }

  #toNode(bytes: Buffer, node: Socket): void {
    if (this.#loseAfter !== undefined && bytes.includes(this.#loseAfter)) {
      this.#loseAfter = undefined;
      this.#losing = true;
      this.faults += 1;
    }
    if (this.#cutAfterBytes !== undefined) {
      const left = this.#cutAfterBytes - bytes.length;
      this.#cutAfterBytes = left > 0 ? left : undefined;
      if (left <= 0) {
        this.faults += 1;
        node.write(bytes.subarray(0, bytes.length + left), () => this.#breakAll());
        return;
      }
    }
    node.write(bytes);
  }
}
