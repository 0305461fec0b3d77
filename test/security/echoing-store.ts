import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * A gateway that answers every request with a refusal in which stands what it was asked with, as some do on
 * their error pages: headers, and credentials decoded.
 */
export class EchoingStore {
  readonly #server: Server;
  #asked = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<EchoingStore> {
    const server = createServer();
    const store = new EchoingStore(server);
    server.on("request", (request, response) => {
      store.#asked += 1;
      const { authorization = "", ...headers } = request.headers;
      const [, credentials = ""] = authorization.split(" ");
      const told = [authorization, Buffer.from(credentials, "base64").toString(), request.url];
      const said = `refused: ${told.join(" ")} ${JSON.stringify(headers)}`;
      request.resume();
      response.writeHead(403, {
        "content-type": "application/json",
        "x-elastic-product": "Elasticsearch",
      });
      const RemoteException = { exception: "AccessControlException", message: said };
      const error = { type: "security_exception", reason: said };
      response.end(JSON.stringify({ error, RemoteException }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return store;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get asked(): number {
    return this.#asked;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
