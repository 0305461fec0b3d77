import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { CassandraAddress } from "../../servers/cassandra.ts";

/**
 * A reader of its own for the native protocol, version 4: no driver, nothing of the product.
 * https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec
 */
const VERSION = 4;
const OP = { error: 0, startup: 1, ready: 2, authenticate: 3, query: 7, result: 8 } as const;
const AUTH_RESPONSE = 0x0f;
const AUTH_SUCCESS = 0x10;
const QUORUM = 4;
const PAGE_SIZE_FLAG = 0x04;
const PAGING_STATE_FLAG = 0x08;
const ROWS = 2;
const TYPE = { bigint: 2, blob: 3, int: 9, varchar: 13 } as const;

export type Value = string | number | bigint | Buffer | null;
export type WireRow = Readonly<Record<string, Value>>;

export class CqlWire {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(address: CassandraAddress): Promise<CqlWire> {
    const [host = "", port = ""] = address.contactPoint.split(":");
    const socket = connect(Number(port), host);
    await once(socket, "connect");
    const wire = new CqlWire(socket);
    const startup = Buffer.concat([short(1), string("CQL_VERSION"), string("3.0.0")]);
    const answer = await wire.#ask(OP.startup, startup);
    if (answer.op === OP.authenticate) {
      const token = Buffer.from(`\0${address.username}\0${address.password}`, "utf8");
      const { op } = await wire.#ask(AUTH_RESPONSE, Buffer.concat([int(token.length), token]));
      if (op !== AUTH_SUCCESS) throw new Error(`log-in answered ${op}`);
    } else if (answer.op !== OP.ready) throw new Error(`start-up answered ${answer.op}`);
    return wire;
  }

  /** Every row, page by page. */
  async *rows(cql: string, pageRows: number): AsyncGenerator<WireRow> {
    const text = Buffer.from(cql, "utf8");
    let state: Buffer | undefined;
    do {
      const flags = PAGE_SIZE_FLAG | (state === undefined ? 0 : PAGING_STATE_FLAG);
      const parts = [int(text.length), text, short(QUORUM), Buffer.from([flags]), int(pageRows)];
      if (state !== undefined) parts.push(int(state.length), state);
      const { op, body } = await this.#ask(OP.query, Buffer.concat(parts));
      if (op !== OP.result) throw new Error(`${cql} answered ${op}`);
      const page = readRows(new Cursor(body));
      yield* page.rows;
      ({ state } = page);
    } while (state !== undefined);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(op: number, body: Buffer): Promise<{ op: number; body: Buffer }> {
    this.#socket.write(
      Buffer.concat([Buffer.from([VERSION, 0, 0, 0, op]), int(body.length), body]),
    );
    while (this.#received.length < 9) await this.#more();
    const length = this.#received.readInt32BE(5);
    while (this.#received.length < 9 + length) await this.#more();
    const frame = this.#received.subarray(0, 9 + length);
    this.#received = Buffer.from(this.#received.subarray(9 + length));
    const answer = { op: frame.readUInt8(4), body: frame.subarray(9) };
    if (answer.op !== OP.error) return answer;
    throw new Error(`the node answered ${new Cursor(answer.body.subarray(4)).string()}`);
  }

  async #more(): Promise<void> {
    const [bytes] = (await once(this.#socket, "data")) as [Buffer];
    this.#received = Buffer.concat([this.#received, bytes]);
  }
}

const short = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
const string = (text: string): Buffer =>
  Buffer.concat([short(Buffer.byteLength(text)), Buffer.from(text, "utf8")]);

function int(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(n);
  return bytes;
}

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  short(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  take(length: number): Buffer {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  string(): string {
    return this.take(this.short()).toString("utf8");
  }

  bytes(): Buffer | null {
    const length = this.int();
    return length < 0 ? null : this.take(length);
  }
}

function readRows(c: Cursor): { rows: WireRow[]; state: Buffer | undefined } {
  if (c.int() !== ROWS) throw new Error("no rows");
  const flags = c.int();
  const count = c.int();
  const state = (flags & 2) === 0 ? null : c.bytes();
  const global = (flags & 1) !== 0;
  if (global) c.string();
  if (global) c.string();
  const columns = Array.from({ length: count }, () => {
    if (!global) c.string();
    if (!global) c.string();
    return { name: c.string(), type: c.short() };
  });
  const rows = Array.from({ length: c.int() }, () =>
    Object.fromEntries(columns.map(({ name, type }) => [name, valueOf(type, c.bytes())])),
  );
  return { rows, state: state ?? undefined };
}

function valueOf(type: number, bytes: Buffer | null): Value {
  if (bytes === null) return null;
  if (type === TYPE.varchar) return bytes.toString("utf8");
  if (type === TYPE.int) return bytes.readInt32BE();
  if (type === TYPE.bigint) return bytes.readBigInt64BE();
  if (type === TYPE.blob) return Buffer.from(bytes);
  throw new Error(`a column of type ${type}`);
}
