import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A security gateway in front of an HTTP server: while it is shut, everybody is answered 401. */
export class HttpGate {
  shut = false;
  /** Requests that were sent away. */
  refused = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(target: string): Promise<HttpGate> {
    const server = createServer();
    const gate = new HttpGate(server);
    server.on("request", (req, res) => {
      if (gate.shut) {
        gate.refused += 1;
        req.resume();
        const headers = {
          "content-type": "application/json",
          "x-elastic-product": "Elasticsearch",
        };
        res.writeHead(401, headers);
        res.end('{"error":{"type":"security_exception","reason":"revoked"},"status":401}');
        return;
      }
      const { method = "GET", headers } = req;
      const to = request(new URL(req.url ?? "/", target), { method, headers, agent: false });
      to.once("response", (answer) => {
        res.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.once("error", (error) => res.destroy(error));
        answer.pipe(res);
      });
      to.once("error", (error) => res.destroy(error));
      res.once("close", () => to.destroy());
      req.pipe(to);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
