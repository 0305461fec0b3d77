import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gone } from "./server-process.ts";

const KEEPER = fileURLToPath(new URL("./keeper.ts", import.meta.url));

interface Keeper {
  readonly child: ChildProcess;
  /** JSON, as the keeper said it. */
  readonly address: Promise<string>;
}

/**
 * Where the tests of a run ask for its servers, by HTTP: `/s3` is answered with an address once the
 * server is up. Each is started by the first who asks, several at a time, and all end with the desk.
 */
export class ServerDesk {
  readonly #http: Server;
  readonly #keepers = new Map<string, Keeper>();

  private constructor(http: Server) {
    this.#http = http;
  }

  static async open(): Promise<ServerDesk> {
    const http = createServer();
    const desk = new ServerDesk(http);
    http.on("request", (request, response) => {
      desk.address((request.url ?? "/").slice(1)).then(
        (text) => response.end(text),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    return desk;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  address(kind: string): Promise<string> {
    const keeper = this.#keepers.get(kind) ?? keep(kind);
    this.#keepers.set(kind, keeper);
    return keeper.address;
  }

  async close(): Promise<void> {
    const keepers = [...this.#keepers.values()];
    for (const { child } of keepers) child.stdin?.end();
    this.#http.closeAllConnections();
    this.#http.close();
    await Promise.all(keepers.map(({ child }) => gone(child)));
  }
}

function keep(kind: string): Keeper {
  // Of a process group of its own: what ends it is the end of its input, not a Ctrl-C in mid-start.
  const child = spawn(process.execPath, [KEEPER, kind], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const began = performance.now();
  const address = new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      if (!text.endsWith("\n")) return;
      console.log(`${kind} for all tests, up in ${Math.round(performance.now() - began)} ms`);
      resolve(text.trim());
    });
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`the ${kind} server did not start (${code})`)));
  });
  return { child, address };
}
