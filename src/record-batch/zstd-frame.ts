import type { DCtx } from "zstd-napi/binding.js";
import binding from "zstd-napi/binding.js";
import { undecodable } from "./varint.ts";

/** One for the thread: calls are synchronous, and each resets it. */
let context: DCtx | undefined;

/** Room for what frames that do not say their size may bring next; Java writes such. */
const STEP_BYTES = 128 << 10;

/** Zstandard frames (RFC 8878) back to back; every one whole, nothing after the last. */
export function zstdDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length === 0) throw undecodable("zstd: no frame");
  const content = new Content(maxBytes);
  let at = 0;
  while (at < bytes.length) {
    const rest = bytes.subarray(at);
    const frame = rest.subarray(0, binding.findFrameCompressedSize(rest));
    const claimed = binding.getFrameContentSize(frame);
    if (claimed === null) unfold(frame, content);
    else whole(frame, claimed, content);
    at += frame.length;
  }
  return content.bytes();
}

/** What was unfolded so far, in one piece that grows by doubling. */
class Content {
  readonly #maxBytes: number;
  #buffer = Buffer.alloc(0);
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** At least `bytes` of room; the caller says by `wrote` how much of it is taken. */
  room(bytes: number): Buffer {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return this.#buffer.subarray(this.#length);
  }

  wrote(bytes: number): void {
    this.expect(bytes);
    this.#length += bytes;
  }

  /** Refuses what goes beyond the bound before there is room for it. */
  expect(bytes: number): void {
    if (bytes <= this.#maxBytes - this.#length) return;
    throw undecodable(`zstd: unfolds beyond the bound of ${this.#maxBytes} bytes`);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

function fresh(): DCtx {
  context ??= new binding.DCtx();
  context.reset(binding.ResetDirective.sessionOnly);
  return context;
}

function whole(frame: Uint8Array, claimed: number, content: Content): void {
  content.expect(claimed);
  const length = fresh().decompress(content.room(claimed).subarray(0, claimed), frame);
  if (length !== claimed) throw undecodable(`zstd: ${length} bytes instead of ${claimed}`);
  content.wrote(length);
}

function unfold(frame: Uint8Array, content: Content): void {
  const stream = fresh();
  let rest = frame;
  for (;;) {
    const [more, made, taken] = stream.decompressStream(content.room(STEP_BYTES), rest);
    content.wrote(made);
    rest = rest.subarray(taken);
    if (more === 0) break;
    if (made === 0 && taken === 0) throw undecodable("zstd: a frame is cut off");
  }
  if (rest.length > 0) throw undecodable("zstd: bytes follow a frame");
}
