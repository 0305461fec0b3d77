import type { Budget } from "../../core/budget.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { ArchivedRecord } from "../../core/record.ts";
import type { OutgoingBatch } from "../../record-batch/batch-joiner.ts";
import { RecordsDigest } from "../../record-batch/records-digest.ts";
import { holdsOf } from "../../sdk/holds.ts";
import type { Sink } from "../../sdk/sink.ts";
import { storedForm } from "../stored-form.ts";
import type { OffsetRange } from "./offset-ranges.ts";
import { OutgoingPool } from "./outgoing-pool.ts";
import {
  type LeftOut,
  type Outgoing,
  type OutgoingOptions,
  OutgoingRecords,
  type StoredBatch,
  type WantedBatch,
} from "./outgoing-records.ts";
import type { Making } from "./read-ahead.ts";
import { type Held, Room } from "./room.ts";

/** What a record's lineage takes, at most about. */
const LINEAGE_BYTES = 350;

/** Batches that are read, verified and put into record batches together. */
export class OutgoingGroup {
  /** Source offsets that it restores. */
  readonly ranges: readonly OffsetRange[];
  /** Archived batches that it takes from, and their bytes as they are stored. */
  readonly sources: number;
  readonly storedBytes: number;
  readonly records: number;
  readonly sizeBytes: number;
  readonly leftOut: readonly LeftOut[];
  #batches: readonly OutgoingBatch[];
  readonly #held: Held;

  constructor(items: readonly WantedBatch[], outgoing: Outgoing, held: Held) {
    this.ranges = items.flatMap((item) => item.ranges);
    this.sources = items.length;
    this.storedBytes = storedBytesOf(items);
    this.records = outgoing.records;
    this.sizeBytes = outgoing.sizeBytes;
    this.leftOut = outgoing.leftOut;
    this.#batches = outgoing.batches;
    this.#held = held;
    held.shrink(outgoing.sizeBytes);
  }

  /** None when it was released. */
  get batches(): readonly OutgoingBatch[] {
    return this.#batches;
  }

  /** Lets go of the record batches. */
  release(): void {
    this.#batches = [];
    this.#held.release();
  }
}

/** Reads, verifies and re-batches. */
export interface GroupMaker {
  /** Resolves when there is room for it, in the order of asking. */
  begin(items: readonly WantedBatch[], signal: AbortSignal): Promise<Making<OutgoingGroup>>;
  close(): Promise<void>;
}

/** Files are opened in worker threads; a sink of records gives them as they are. */
export function openGroupMaker(sink: Sink, o: OutgoingOptions, budget: Budget): GroupMaker {
  const room = new Room(budget);
  const pool = holdsOf(sink.capabilities) === "records" ? undefined : new OutgoingPool(o);
  const outgoing = async (
    items: readonly WantedBatch[],
    signal: AbortSignal,
  ): Promise<Outgoing> => {
    if (pool === undefined) return fromRecords(sink, o, items, signal);
    const stored: StoredBatch[] = [];
    for (const item of items) stored.push(await storedOf(sink, item, signal));
    return pool.open(stored, signal);
  };
  const make = async (
    items: readonly WantedBatch[],
    held: Held,
    signal: AbortSignal,
  ): Promise<OutgoingGroup> => {
    try {
      return new OutgoingGroup(items, await outgoing(items, signal), held);
    } catch (error) {
      held.release();
      throw error;
    }
  };
  return {
    begin: async (items, signal) => {
      const held = await room.take(bytesFor(items, o), signal);
      return { made: make(items, held, signal) };
    },
    close: async () => pool?.close(),
  };
}

const storedBytesOf = (items: readonly WantedBatch[]): number =>
  items.reduce((n, { manifest }) => n + manifest.seal.size, 0);

/** As stored, opened, and as it goes out, which may be larger by what says where each record was. */
function bytesFor(items: readonly WantedBatch[], { lineage }: OutgoingOptions): number {
  const each = ({ manifest: m }: WantedBatch): number =>
    2 * m.seal.contentSize + (lineage ? LINEAGE_BYTES * Number(m.records) : 0);
  return storedBytesOf(items) + items.reduce((n, item) => n + each(item), 0);
}

/** In memory of its own, so that it can be handed to another thread. No more than the manifest says. */
async function storedOf(sink: Sink, item: WantedBatch, signal: AbortSignal): Promise<StoredBatch> {
  const manifest = await storedForm(sink, item.manifest, signal);
  const { seal } = manifest;
  const stored = new Uint8Array(seal.size);
  let at = 0;
  for await (const piece of sink.read(manifest, { from: 0 }, signal)) {
    if (at + piece.length > stored.length) throw wrongSize(manifest, "more");
    stored.set(piece, at);
    at += piece.length;
  }
  if (at < stored.length) throw wrongSize(manifest, "fewer");
  return { ...item, manifest, stored };
}

const wrongSize = ({ seal }: Manifest, than: string): ArchiverError =>
  new ArchiverError("sealed-invalid", `${seal.path}: ${than} than its ${seal.size} bytes`);

async function fromRecords(
  sink: Sink,
  o: OutgoingOptions,
  items: readonly WantedBatch[],
  signal: AbortSignal,
): Promise<Outgoing> {
  const made = new OutgoingRecords(o);
  for (const item of items) {
    if (sink.readRecords === undefined) {
      throw new ArchiverError("usage", "the sink keeps manifests only: name another with --sink");
    }
    const read = sink.readRecords(item.manifest, signal);
    await made.addRecords(item, checked(item.manifest, read));
  }
  return made.finish();
}

/** Ends with an error unless the records are those that the manifest speaks of. */
async function* checked(
  m: Manifest,
  groups: AsyncIterable<readonly ArchivedRecord[]>,
): AsyncGenerator<readonly ArchivedRecord[]> {
  const digest = new RecordsDigest();
  for await (const records of groups) {
    digest.add(records);
    yield records;
  }
  if (digest.records !== m.records) {
    const text = `the sink has ${digest.records} records of ${m.batchId}, its manifest: ${m.records}`;
    throw new ArchiverError("verification-failed", text);
  }
  if (m.recordsDigest === undefined || m.recordsDigest === digest.hex()) return;
  const text = `the records of ${m.batchId} are not those that were archived (digest)`;
  throw new ArchiverError("verification-failed", text);
}
