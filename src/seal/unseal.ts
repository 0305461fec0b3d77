import { gunzipSync } from "node:zlib";
import { Blake3Hasher } from "@napi-rs/blake-hash";
import { joined } from "../core/bytes.ts";
import type { Description } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import type { ArchivedRecord } from "../core/record.ts";
import { verifyCrc } from "../record-batch/crc.ts";
import { segmentBatches } from "../record-batch/header.ts";
import { decodeRecords } from "../record-batch/records.ts";
import { openAge } from "./age-read.ts";
import { namingRecipients } from "./recipients.ts";
import { type DeadLetter, parseDeadLetter } from "./dead-letter.ts";
import { contentTag } from "./keys.ts";
import { parseLine } from "./ndjson.ts";
import { unframed } from "./zstd.ts";

export interface OpenOptions {
  /** Raw X25519 secret keys; none are needed for a file in the clear. */
  readonly identities: readonly Uint8Array[];
  /** Content beyond it is refused, whatever the manifest says. @default 2 GiB */
  readonly maxContentBytes?: number;
}

/**
 * A batch's content, checked on the way: sealed digest and size, encryption, frames, content size and
 * digest. What is wrong may show only at the end: who uses pieces before it must not act on them.
 * One stored file is in memory at a time.
 *
 * @throws ArchiverError sealed-invalid, identity-needed
 */
export async function* openContent(
  d: Description,
  stream: AsyncIterable<Uint8Array>,
  options: OpenOptions,
): AsyncGenerator<Uint8Array> {
  const { identities } = options;
  const limit = Math.min(d.seal.contentSize, options.maxContentBytes ?? 2 ** 31);
  const sealed = checkSealed(d, stream);
  const opened =
    d.seal.encryption === "age"
      ? await namingRecipients(d, identities, () => openAge(sealed, identities))
      : { plain: sealed };
  const hasher = new Blake3Hasher();
  let size = 0;
  for (const piece of decompressed(d, joined(await all(opened.plain)), limit)) {
    hasher.update(piece);
    size += piece.length;
    yield piece;
  }
  if (size !== d.seal.contentSize) {
    throw invalid(d, `${size} bytes of content, the description says ${d.seal.contentSize}`);
  }
  const digest = hasher.digest("hex");
  const right =
    "digest" in d.content
      ? d.content.digest === digest
      : "fileKey" in opened && d.content.tag === contentTag(opened.fileKey, digest);
  if (!right) throw invalid(d, "its content is not what the description says (digest)");
}

/**
 * The records of a batch, a record batch or a thousand lines at a time. That they are as many as the
 * description says shows at the end.
 *
 * @throws ArchiverError format-invalid, undecodable-record-batch, sealed-invalid
 */
export async function* readRecords(
  d: Description,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly ArchivedRecord[]> {
  // Collected first: a digest that does not fit shows at the end, and no record is given before it.
  const bytes = joined(await all(content));
  const account = new RecordAccount(d);
  yield* d.format === "segment" ? batches(d, bytes, account) : lines(d, bytes, account);
  account.finish();
}

function* batches(
  d: Description,
  bytes: Buffer,
  account: RecordAccount,
): Generator<readonly ArchivedRecord[]> {
  for (const batch of segmentBatches(bytes)) {
    if (!verifyCrc(batch.bytes)) {
      throw invalid(d, `the record batch at offset ${batch.header.baseOffset} has a wrong CRC32C`);
    }
    yield account.take(decodeRecords(batch.bytes));
  }
}

function* lines(
  d: Description,
  bytes: Buffer,
  account: RecordAccount,
): Generator<readonly ArchivedRecord[]> {
  let records: ArchivedRecord[] = [];
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(10, from);
    if (end < 0) throw invalid(d, "its last line has no end");
    const line = bytes.subarray(from, end);
    from = end + 1;
    const dead = parseDeadLetter(line, d);
    if (dead === null) records.push(parseLine(line, d));
    else {
      yield account.take(records);
      records = [];
      account.passOver(dead);
    }
    if (records.length === 1_000) {
      yield account.take(records);
      records = [];
    }
  }
  if (records.length > 0) yield account.take(records);
}

/** Offsets ascend and stay within the batch, and no record is missing. */
class RecordAccount {
  readonly #d: Description;
  #next: bigint;
  #records = 0n;
  #dead = 0n;

  constructor(d: Description) {
    this.#d = d;
    this.#next = d.start;
  }

  take(records: readonly ArchivedRecord[]): readonly ArchivedRecord[] {
    for (const { offset } of records) {
      if (offset < this.#next || offset >= this.#d.end) {
        const text = `offset ${offset} where one of [${this.#next}, ${this.#d.end}) is due`;
        throw new ArchiverError("format-invalid", `${this.#d.seal.path}: ${text}`);
      }
      this.#next = offset + 1n;
    }
    this.#records += BigInt(records.length);
    return records;
  }

  /** Offsets whose records are there raw. */
  passOver({ from, to }: DeadLetter): void {
    if (from < this.#next || to > this.#d.end) {
      const text = `a dead letter of [${from}, ${to}) in [${this.#next}, ${this.#d.end})`;
      throw new ArchiverError("format-invalid", `${this.#d.seal.path}: ${text}`);
    }
    this.#next = to;
    this.#dead += to - from;
  }

  finish(): void {
    const { records, deadLettered, format, seal } = this.#d;
    const dead = format === "ndjson" ? deadLettered : 0n;
    if (this.#records === records && this.#dead === dead) return;
    const text =
      `${this.#records} records and ${this.#dead} dead-lettered offsets, the description says ` +
      `${records} and ${dead}`;
    throw new ArchiverError("format-invalid", `${seal.path}: ${text}`);
  }
}

async function* checkSealed(
  d: Description,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hasher = new Blake3Hasher();
  let size = 0;
  for await (const piece of stream) {
    hasher.update(piece);
    size += piece.length;
    if (size > d.seal.size) throw invalid(d, `more than its ${d.seal.size} bytes`);
    yield piece;
  }
  if (size !== d.seal.size) throw invalid(d, `${size} bytes, the description says ${d.seal.size}`);
  if (hasher.digest("hex") !== d.seal.digest)
    throw invalid(d, "its digest is not the description's");
}

function* decompressed(d: Description, plain: Buffer, limit: number): Generator<Uint8Array> {
  switch (d.seal.codec) {
    case "none":
      yield plain;
      return;
    case "gzip":
      yield gunzip(d, plain, limit);
      return;
    case "zstd":
      // In one piece, so that who wants all of it need not join it. Unused memory is not touched.
      yield* unframed(plain, limit, Buffer.allocUnsafeSlow(limit));
      return;
  }
}

/** zlib ignores what follows the last member, so it is asked how far it came. */
function gunzip(d: Description, plain: Buffer, limit: number): Buffer {
  let found: { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  try {
    const options = { maxOutputLength: Math.max(1, limit), info: true };
    found = gunzipSync(plain, options) as unknown as typeof found;
  } catch (cause) {
    throw invalid(d, `gzip: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const left = plain.length - found.engine.bytesWritten;
  if (left !== 0) throw invalid(d, `gzip: ${left} bytes follow`);
  return found.buffer;
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

const invalid = (d: Description, text: string, cause?: unknown): ArchiverError =>
  new ArchiverError("sealed-invalid", `${d.seal.path}: ${text}`, { cause });
