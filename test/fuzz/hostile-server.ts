import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { type Exchange, HERE, keyOf, rawAnswer } from "./exchanges.ts";

/** Who asks so often for one thing is led in a circle. */
const MAX_REQUESTS = 400;
const MAX_HEAD_BYTES = 64 << 10;
const LOCATION = /^(location: *https?:\/\/)[^/\s?]*/gim;

/** Answers as a real store did, but for one answer; then it closes the connection. */
export class HostileServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #script: readonly Exchange[] = [];
  #used = new Set<number>();
  #wrong: { readonly at: number; readonly raw: Buffer } = { at: -1, raw: Buffer.alloc(0) };
  #requests = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<HostileServer> {
    const server = createServer({ allowHalfOpen: true });
    const hostile = new HostileServer(server);
    server.on("connection", (socket) => hostile.#take(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return hostile;
  }

  get url(): string {
    return `http://${this.#authority}`;
  }

  get #authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on the answers of `script`; the one with this number is these bytes instead. */
  play(script: readonly Exchange[], at: number, raw: Buffer): void {
    this.#script = script;
    this.#wrong = { at, raw };
    this.#used = new Set();
    this.#requests = 0;
  }

  /** Whether it was asked more often than anybody has to. */
  get wasAskedWithoutEnd(): boolean {
    return this.#requests > MAX_REQUESTS;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // Whoever is answered before the whole request was read may be gone.
    socket.on("error", () => socket.destroy());
    let head = "";
    socket.on("data", (piece: Buffer) => {
      if (head.includes("\r\n\r\n")) return;
      head = (head + piece.toString("latin1")).slice(0, MAX_HEAD_BYTES);
      const line = /^(\S+) (\S+) HTTP/.exec(head);
      if (!head.includes("\r\n\r\n") || line === null) return;
      const answer = this.#answer(line[1] ?? "", line[2] ?? "");
      if (answer === undefined) socket.destroy();
      else socket.end(answer);
    });
  }

  #answer(method: string, url: string): Buffer | undefined {
    this.#requests += 1;
    if (this.wasAskedWithoutEnd) return undefined;
    const key = keyOf(method, url);
    const fitting = this.#script.flatMap((e, i) => (e.key === key ? [i] : []));
    const next = fitting.find((i) => !this.#used.has(i)) ?? fitting.at(-1);
    if (next === undefined) return Buffer.from("HTTP/1.1 404 Answer\r\nContent-Length: 0\r\n\r\n");
    this.#used.add(next);
    const raw =
      next === this.#wrong.at ? this.#wrong.raw : rawAnswer(this.#script[next] as Exchange, method);
    // Wherever a mutation leads to, nobody else is asked.
    const text = raw.toString("latin1").replaceAll(HERE, this.#authority);
    return Buffer.from(text.replace(LOCATION, `$1${this.#authority}`), "latin1");
  }
}
