import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ArchiverError } from "../../core/errors.ts";
import { offsetName } from "../../core/layout.ts";
import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { recordLine } from "../../seal/ndjson.ts";
import type { ReadBatch } from "../archived-manifests.ts";
import { archivedBatches, type BatchInRange, recordsIn } from "../archived-range.ts";
import type { Expired } from "../expired.ts";
import type { Bound } from "../offset-bound.ts";
import type {
  ExportedPart,
  ExportedPartition,
  ExportRequest,
  ExportState,
} from "./export-state.ts";
import { writePart } from "./part-file.ts";

const CHUNK_CHARS = 64 << 10;

export interface ExportOptions {
  readonly sink: Sink;
  readonly read: ReadBatch;
  readonly expired: Expired;
  readonly onExpired: (text: string) => void;
  readonly dir: string;
  readonly state: ExportState;
  readonly codec: ExportRequest["codec"];
  readonly from: Bound | undefined;
  readonly to: Bound | undefined;
  /** Characters of lines from which on a part ends, with its batch. */
  readonly partSize: number;
  readonly dryRun: boolean;
  readonly done: (batch: BatchInRange) => void;
}

/** One partition: parts of whole batches, each noted when it is durable, from where the last run ended. */
export async function exportScope(
  o: ExportOptions,
  scope: Scope,
  signal: AbortSignal,
): Promise<{ readonly partition: ExportedPartition; readonly written: number }> {
  const { partition, branch } = scope;
  const { sink, read, to, expired, onExpired } = o;
  let known = o.state.get(partition, branch);
  await refuseMissing(o, known);
  if (!o.dryRun) await dropUnnoted(o, scope, known);
  const from = known === undefined ? o.from : { offset: known.next };
  const batches = archivedBatches({ sink, read, scope, from, to, expired, onExpired }, signal);
  let written = 0;
  for (let next = await batches.next(); next.done !== true;) {
    const part = new PartLines(o, scope, signal, batches, next.value);
    const name = (): string => `${scope.topic}/${scope.partition}/${part.name}`;
    const lines = part.lines();
    // The first chunk says whether there is anything: no file is made of batches without records.
    const first = await lines.next();
    const made =
      first.done === true || o.dryRun
        ? await drained(lines)
        : await writePart({ dir: o.dir, name, codec: o.codec }, after(first.value, lines), signal);
    known ??= { partition, branch, next: part.from, parts: [] };
    const { records } = part;
    const added = made === undefined ? [] : [noted(made, part)];
    written += records;
    known = { ...known, next: part.to, parts: [...known.parts, ...added] };
    if (!o.dryRun) await o.state.put(known);
    next = part.following;
  }
  return { partition: known ?? { partition, branch, next: 0n, parts: [] }, written };
}

/** Spelled as it is when it was read again, so that a run that was interrupted comes to the same bytes. */
const noted = (
  { file, bytes, blake3 }: Pick<ExportedPart, "file" | "bytes" | "blake3">,
  { from, to, records }: Pick<ExportedPart, "from" | "to" | "records">,
): ExportedPart => ({ file, from, to, records, bytes, blake3 });

/** The lines of one part, and what it turned out to hold when they have been taken. */
class PartLines {
  readonly from: bigint;
  to: bigint;
  records = 0;
  following: IteratorResult<BatchInRange, unknown>;
  readonly #o: ExportOptions;
  readonly #scope: Scope;
  readonly #signal: AbortSignal;
  readonly #batches: AsyncGenerator<BatchInRange>;

  constructor(
    o: ExportOptions,
    scope: Scope,
    signal: AbortSignal,
    batches: AsyncGenerator<BatchInRange>,
    first: BatchInRange,
  ) {
    this.#o = o;
    this.#scope = scope;
    this.#signal = signal;
    this.#batches = batches;
    this.from = first.from;
    this.to = first.from;
    this.following = { done: false, value: first };
  }

  get name(): string {
    return `${offsetName(this.from)}-${offsetName(this.to)}`;
  }

  async *lines(): AsyncGenerator<string> {
    let size = 0;
    while (this.following.done !== true && size < this.#o.partSize) {
      const batch = this.following.value;
      let chunk = "";
      for await (const records of recordsIn(batch, this.#o.read, this.#signal)) {
        this.records += records.length;
        for (const record of records) chunk += recordLine(this.#scope, record);
        if (chunk.length < CHUNK_CHARS) continue;
        size += chunk.length;
        yield chunk;
        chunk = "";
      }
      size += chunk.length;
      if (chunk !== "") yield chunk;
      this.to = batch.to;
      this.#o.done(batch);
      this.following = await this.#batches.next();
    }
  }
}

async function* after(first: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

async function drained(lines: AsyncGenerator<string>): Promise<undefined> {
  for await (const _ of lines);
  return undefined;
}

const PART_NAME = /^(\d{20})-\d{20}\.ndjson(\.gz|\.zst)?$/;

/** A part that got its name and was not noted: the next one begins where it began, and may end elsewhere. */
async function dropUnnoted(
  o: ExportOptions,
  { topic, partition }: Scope,
  known: ExportedPartition | undefined,
): Promise<void> {
  const folder = join(o.dir, topic, String(partition));
  const noted = new Set(known?.parts.map((p) => p.file));
  for (const name of await namesIn(folder)) {
    const start = PART_NAME.exec(name)?.[1];
    if (start === undefined || noted.has(`${topic}/${partition}/${name}`)) continue;
    if (BigInt(start) >= (known?.next ?? 0n)) await unlink(join(folder, name));
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** What `export.json` lists has to be there: an export is as whole as it says. */
async function refuseMissing(
  o: ExportOptions,
  known: ExportedPartition | undefined,
): Promise<void> {
  for (const { file, bytes } of known?.parts ?? []) {
    const path = join(o.dir, file);
    const size = await stat(path).then(
      (found) => found.size,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return -1;
        throw error;
      },
    );
    if (size === bytes) continue;
    const text = `${path} is not as it was written: choose another --out, or put it back`;
    throw new ArchiverError("usage", text);
  }
}
