import type { KafkaRequest } from "../requests/request.ts";
import type { RawAnswer, RawConnection } from "./internals.ts";

/**
 * A request whose bytes go to the socket as they lie there. kafkajs' own `send` writes a request into
 * one growing buffer after another, each cleared before it is filled: for megabytes of records that, and
 * the collection of those buffers, costs more than all the rest. The parts must stay as they are until the
 * answer is there.
 */
export async function gatheredSend<T>(
  connection: RawConnection,
  request: KafkaRequest<T>,
  parts: readonly Uint8Array[],
): Promise<T> {
  // A session that ran out is renewed by whoever asks next; without SASL this does nothing.
  if (!connection.isAuthenticated()) await connection.authenticate();
  const { apiKey, apiVersion, apiName } = request;
  const correlationId = connection.nextCorrelationId();
  const bytes = parts.reduce((n, part) => n + part.length, 0);
  const head = requestHead({ apiKey, apiVersion, correlationId }, connection.clientId, bytes);
  const { payload } = await new Promise<RawAnswer>((resolve, reject) => {
    connection.requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: null,
      sendRequest: () => {
        const { socket } = connection;
        if (socket === undefined) return reject(new Error("Not connected"));
        socket.cork();
        for (const part of [head, ...parts]) socket.write(part);
        socket.uncork();
      },
    });
  });
  return request.decode(payload);
}

/** Request header v1 with the size of the whole before it. */
function requestHead(
  r: { readonly apiKey: number; readonly apiVersion: number; readonly correlationId: number },
  clientId: string,
  bodyBytes: number,
): Buffer {
  const name = Buffer.from(clientId, "utf8");
  const head = Buffer.alloc(14 + name.length);
  head.writeInt32BE(head.length - 4 + bodyBytes, 0);
  head.writeInt16BE(r.apiKey, 4);
  head.writeInt16BE(r.apiVersion, 6);
  head.writeInt32BE(r.correlationId, 8);
  head.writeInt16BE(name.length, 12);
  name.copy(head, 14);
  return head;
}
