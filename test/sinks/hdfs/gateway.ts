import { readFileSync } from "node:fs";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Certificate } from "../../servers/certificates.ts";

export interface GatewayOptions {
  readonly certificate: Certificate;
  /** Before `/webhdfs/v1`, as Knox has topologies. */
  readonly prefix: string;
  readonly username: string;
  readonly password: string;
  /** HTTP address of the NameNode. */
  readonly target: string;
  /** Off: redirects go to the DataNode itself, as a gateway that is none. */
  readonly rewrites: boolean;
}

/**
 * A gateway as Knox is one: TLS, a password, a path of its own, one user towards HDFS, and
 * redirects that come back to it. What is behind it is a real HDFS.
 */
export class Gateway {
  readonly #server: Server;
  readonly #options: GatewayOptions;
  /** Requests that were let through: method and what they asked for. */
  readonly passed: string[] = [];

  private constructor(server: Server, options: GatewayOptions) {
    this.#server = server;
    this.#options = options;
  }

  static async open(options: GatewayOptions): Promise<Gateway> {
    const { cert, key } = options.certificate;
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
    const gateway = new Gateway(server, options);
    server.on("request", (from, to) => gateway.#pass(from, to));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return gateway;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#options.prefix}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(from: IncomingMessage, to: ServerResponse): void {
    const { prefix, username, password, target } = this.#options;
    const pair = Buffer.from(`${username}:${password}`).toString("base64");
    if (from.headers.authorization !== `Basic ${pair}`) {
      to.writeHead(401, { "www-authenticate": 'Basic realm="gateway"' });
      to.end("<html>401</html>");
      return;
    }
    const asked = new URL(from.url ?? "", this.url);
    if (!asked.pathname.startsWith(`${prefix}/webhdfs/v1/`)) {
      to.writeHead(404);
      to.end("<html>404</html>");
      return;
    }
    this.passed.push(`${from.method} ${asked.searchParams.get("op")}`);
    const inner = new URL(asked.searchParams.get("to") ?? target);
    asked.searchParams.delete("to");
    asked.searchParams.set("user.name", "archiver");
    inner.pathname = asked.pathname.slice(prefix.length);
    inner.search = asked.search;
    const { authorization: _, host: __, ...headers } = from.headers;
    const onward = request(inner, { method: from.method, headers }, (answer) => {
      const answered = { ...answer.headers };
      if (answered.location !== undefined) answered.location = this.#location(answered.location);
      to.writeHead(answer.statusCode ?? 502, answered);
      answer.pipe(to);
    });
    onward.on("error", () => to.destroy());
    from.pipe(onward);
  }

  #location(location: string): string {
    if (!this.#options.rewrites) return location;
    const there = new URL(location);
    const here = new URL(this.url);
    here.pathname = `${this.#options.prefix}${there.pathname}`;
    here.search = there.search;
    here.searchParams.set("to", there.origin);
    return here.href;
  }
}
