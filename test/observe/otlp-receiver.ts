import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { gunzipSync } from "node:zlib";

/**
 * A collector of OTLP over HTTP with protobuf, as far as a test has to read it: written from the
 * published .proto files, apart from the SDK that sends.
 */
export interface SeenMetric {
  readonly name: string;
  readonly unit: string;
  /** Field number of the data: 5 gauge, 7 sum, 9 histogram. */
  readonly kind: number;
  readonly points: readonly SeenPoint[];
}

export interface SeenPoint {
  readonly attributes: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram. */
  readonly counts: readonly number[];
  readonly bounds: readonly number[];
}

export interface SeenSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly failed: boolean;
}

export class OtlpReceiver {
  readonly metrics: SeenMetric[] = [];
  readonly spans: SeenSpan[] = [];
  readonly resources: Readonly<Record<string, string>>[] = [];
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const { port } = server.address() as { port: number };
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<OtlpReceiver> {
    let receiver: OtlpReceiver | null = null;
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (b: Buffer) => parts.push(b));
      request.on("end", () => {
        const body = Buffer.concat(parts);
        const zipped = request.headers["content-encoding"] === "gzip";
        receiver?.take(request.url ?? "", request.headers, zipped ? gunzipSync(body) : body);
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    receiver = new OtlpReceiver(server);
    return receiver;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  take(path: string, headers: IncomingHttpHeaders, body: Buffer): void {
    this.requests.push({ path, headers });
    for (const batch of messages(body, 1)) {
      this.resources.push(...messages(batch, 1).map((r) => attributes(r, 1)));
      for (const scope of messages(batch, 2)) {
        if (path.endsWith("/v1/metrics")) this.metrics.push(...messages(scope, 2).map(metricOf));
        if (path.endsWith("/v1/traces")) this.spans.push(...messages(scope, 2).map(spanOf));
      }
    }
  }
}

type Field = readonly [number: number, value: bigint | Buffer];

/** Fields of a message: varints and fixed ones as integers, the rest as bytes. */
function fields(b: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = BigInt(b.readUInt8(at++));
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
      shift += 7n;
    }
  };
  while (at < b.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    if ((tag & 7) === 0) found.push([number, varint()]);
    else if ((tag & 7) === 1) found.push([number, b.readBigUInt64LE((at += 8) - 8)]);
    else if ((tag & 7) === 5) found.push([number, BigInt(b.readUInt32LE((at += 4) - 4))]);
    else {
      const length = Number(varint());
      found.push([number, b.subarray(at, (at += length))]);
    }
  }
  return found;
}

const messages = (b: Buffer, number: number): Buffer[] =>
  fields(b).flatMap(([n, v]) => (n === number && Buffer.isBuffer(v) ? [v] : []));
const text = (b: Buffer, number: number): string => messages(b, number)[0]?.toString("utf8") ?? "";
const hex = (b: Buffer, number: number): string => messages(b, number)[0]?.toString("hex") ?? "";
const integer = (b: Buffer, number: number): bigint =>
  fields(b).flatMap(([n, v]) => (n === number && typeof v === "bigint" ? [v] : []))[0] ?? 0n;
const double = (bits: bigint): number => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(bits);
  return b.readDoubleLE();
};
const fixed64s = (b: Buffer, number: number): bigint[] =>
  messages(b, number).flatMap((packed) =>
    Array.from({ length: packed.length / 8 }, (_v, i) => packed.readBigUInt64LE(i * 8)),
  );

function attributes(b: Buffer, number: number): Record<string, string> {
  const pairs = messages(b, number).map((kv): [string, string] => {
    const value = messages(kv, 2)[0] ?? Buffer.alloc(0);
    const [field] = fields(value);
    if (field === undefined) return [text(kv, 1), ""];
    const [kind, v] = field;
    if (Buffer.isBuffer(v)) return [text(kv, 1), v.toString("utf8")];
    return [text(kv, 1), String(kind === 4 ? double(v) : v)];
  });
  return Object.fromEntries(pairs);
}

const KINDS = [5, 7, 9] as const;

function metricOf(b: Buffer): SeenMetric {
  const kind = KINDS.find((k) => messages(b, k).length > 0) ?? 0;
  const data = messages(b, kind)[0] ?? Buffer.alloc(0);
  const points = messages(data, 1).map((p): SeenPoint => {
    if (kind === 9) {
      const [counts, bounds] = [fixed64s(p, 6).map(Number), fixed64s(p, 7).map(double)];
      return { attributes: attributes(p, 9), value: double(integer(p, 5)), counts, bounds };
    }
    const asDouble = fields(p).some(([n]) => n === 4);
    const value = asDouble ? double(integer(p, 4)) : Number(BigInt.asIntN(64, integer(p, 6)));
    return { attributes: attributes(p, 7), value, counts: [], bounds: [] };
  });
  return { name: text(b, 1), unit: text(b, 3), kind, points };
}

const spanOf = (b: Buffer): SeenSpan => ({
  name: text(b, 5),
  ...{ traceId: hex(b, 1), spanId: hex(b, 2), parentId: hex(b, 4) },
  startMs: Number(integer(b, 7) / 1_000_000n),
  endMs: Number(integer(b, 8) / 1_000_000n),
  attributes: attributes(b, 9),
  failed: messages(b, 15).some((s) => integer(s, 3) === 2n),
});
