import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Held until it resolves: the request before the server has it, or its answer before it goes back. */
export type Watch = (
  request: IncomingMessage,
  when: "before" | "after",
) => Promise<unknown> | undefined;

/** A security gateway in front of an HTTP server: while it is shut, everybody is answered 401. */
export class HttpGate {
  shut = false;
  watch: Watch = () => undefined;
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
      const onward = (): void => {
        const to = request(new URL(req.url ?? "/", target), { method, headers, agent: false });
        const back = (answer: IncomingMessage): void => {
          res.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.once("error", (error) => res.destroy(error));
          answer.pipe(res);
        };
        to.once("response", (answer) => {
          const held = gate.watch(req, "after");
          if (held === undefined) back(answer);
          else void held.then(() => back(answer));
        });
        to.once("error", (error) => res.destroy(error));
        res.once("close", () => to.destroy());
        req.pipe(to);
      };
      const held = gate.watch(req, "before");
      if (held === undefined) onward();
      else void held.then(onward);
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
