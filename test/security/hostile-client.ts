import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Another address of this machine: what is bounded by address is bounded apart from who asks well. */
const FROM = "127.0.0.2";

export interface Connection {
  readonly socket: Socket;
  /** What came, at most the first kilobytes. */
  text(): string;
  /** Resolves when the other side has ended it. */
  readonly closed: Promise<void>;
}

/** A client that does as it likes with its connections. */
export class HostileClient {
  readonly #port: number;
  readonly #sockets: Socket[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** `reads` false: takes nothing of what is answered. */
  open(first: string, reads = true): Connection {
    const socket = connect({ port: this.#port, host: "127.0.0.1", localAddress: FROM });
    this.#sockets.push(socket);
    let text = "";
    if (reads)
      socket.on("data", (b: Buffer) => (text = (text + b.toString("latin1")).slice(0, 8192)));
    else socket.pause();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    // Being cut off is what is looked for.
    socket.on("error", () => socket.destroy());
    socket.write(first, "latin1");
    return { socket, text: () => text, closed };
  }

  /** One character now and then, for as long as it is let. */
  async drip(connection: Connection, text: string, everyMs: number): Promise<void> {
    for (let i = 0; !connection.socket.destroyed; i += 1) {
      connection.socket.write(text[i % text.length] ?? "x");
      await sleep(everyMs);
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
