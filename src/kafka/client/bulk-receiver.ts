import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { ArchiverError } from "../../core/errors.ts";
import type { RawConnection } from "./internals.ts";

const SIZE_BYTES = 4;
/** Small answers are cut out of this; a larger one is read straight to where it stays. */
const SCRATCH_BYTES = 64 << 10;
/** Memory is made in steps of this, and kept from answer to answer up to the bound. */
const STEP_BYTES = 1 << 20;
const KEEP_BYTES = 32 << 20;
/** No broker sends more in one answer than is asked for and one record batch beside it. */
const MAX_ANSWER_BYTES = 1 << 30;
const KEEP_ALIVE_MS = 60_000;

interface Address {
  readonly host: string;
  readonly port: number;
  readonly ssl?: ConnectionOptions;
  readonly onConnect: () => void;
}

/**
 * Receives a link's answers, each into one piece of memory that is used again: by default Node makes a
 * new 64 KiB buffer for each read, whose collection costs more than the reading, and kafkajs joins them
 * by another copy. An answer is valid until `reuse` is called.
 */
export class BulkReceiver {
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  /** Bytes of `#scratch` that were read and are no whole answer yet. */
  #have = 0;
  /** The answer that is being read, when it is a large one, and how much of it is there. */
  #answer: Buffer | null = null;
  #filled = 0;
  #memory: Buffer | null = null;
  #inUse = false;
  #connection: RawConnection | null = null;

  /** What kafkajs asks for a socket. `connection` gets whole answers. */
  readonly socketFactory = (at: Address): Socket => {
    const { host, port, ssl, onConnect } = at;
    const onread: OnReadOpts = {
      buffer: () => this.#room(),
      callback: (n) => this.#took(n, socket),
    };
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket: Socket = ssl
      ? // TLS sockets take `onread` as well; their types do not say so.
        connectTls({ host, port, ...name, ...ssl, ...({ onread } as object) }, onConnect)
      : connectPlain({ host, port, onread }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return socket;
  };

  attach(connection: RawConnection): void {
    this.#connection = connection;
  }

  /** Nobody looks at the last answer any more. */
  reuse(): void {
    this.#inUse = false;
  }

  /** Where the next read goes. */
  #room(): Buffer {
    if (this.#answer !== null) return this.#answer.subarray(this.#filled);
    return this.#scratch.subarray(this.#have);
  }

  #took(n: number, socket: Socket): boolean {
    if (this.#answer !== null) {
      this.#filled += n;
      if (this.#filled === this.#answer.length) this.#whole();
      return true;
    }
    this.#have += n;
    let at = 0;
    while (this.#have - at >= SIZE_BYTES) {
      const length = SIZE_BYTES + this.#scratch.readInt32BE(at);
      if (length < SIZE_BYTES || length > MAX_ANSWER_BYTES) {
        socket.destroy(new ArchiverError("kafka-refused", `an answer of ${length} bytes`));
        return false;
      }
      const there = this.#scratch.subarray(at, Math.min(at + length, this.#have));
      if (there.length === length) this.#hand(Buffer.from(there));
      else if (length > SCRATCH_BYTES) {
        // Whatever was read belongs to it: nothing follows an answer that is not whole.
        this.#answer = this.#memoryFor(length);
        this.#filled = there.copy(this.#answer);
        this.#have = 0;
        return true;
      } else break;
      at += length;
    }
    this.#scratch.copyWithin(0, at, this.#have);
    this.#have -= at;
    return true;
  }

  #whole(): void {
    const answer = this.#answer as Buffer;
    this.#answer = null;
    this.#filled = 0;
    this.#hand(answer);
  }

  #memoryFor(bytes: number): Buffer {
    if (this.#inUse || bytes > KEEP_BYTES) return Buffer.allocUnsafeSlow(bytes);
    this.#inUse = true;
    if (this.#memory === null || this.#memory.length < bytes) {
      this.#memory = Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
    }
    return this.#memory.subarray(0, bytes);
  }

  #hand(answer: Buffer): void {
    const c = this.#connection;
    if (c === null) return;
    // It keeps an empty rest of the answer before, and would join this one with it by a copy.
    if (c.bytesBuffered === 0) c.chunks = [];
    c.processData(answer);
  }
}
