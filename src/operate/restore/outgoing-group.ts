import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { ArchivedRecord } from "../../core/record.ts";
import { RecordsDigest } from "../../record-batch/records-digest.ts";
import { holdsOf } from "../../sdk/holds.ts";
import type { Sink } from "../../sdk/sink.ts";
import { storedForm } from "../stored-form.ts";
import type { OffsetRange } from "./offset-ranges.ts";
import { OutgoingPool } from "./outgoing-pool.ts";
import {
  type Outgoing,
  type OutgoingOptions,
  OutgoingRecords,
  type StoredBatch,
  type WantedBatch,
} from "./outgoing-records.ts";

/** What one transaction writes. */
export interface OutgoingGroup extends Outgoing {
  /** Source offsets that it restores. */
  readonly ranges: readonly OffsetRange[];
  /** Archived batches that it takes from. */
  readonly sources: number;
}

/** Reads, verifies and re-batches. Who calls bounds how much at once. */
export interface GroupMaker {
  make(items: readonly WantedBatch[], signal: AbortSignal): Promise<OutgoingGroup>;
  close(): Promise<void>;
}

/** Files are opened in worker threads; a sink of records gives them as they are. */
export function openGroupMaker(sink: Sink, o: OutgoingOptions): GroupMaker {
  if (holdsOf(sink.capabilities) === "records") {
    const make: GroupMaker["make"] = async (items, signal) =>
      groupOf(items, await fromRecords(sink, o, items, signal));
    return { make, close: () => Promise.resolve() };
  }
  const pool = new OutgoingPool(o);
  return {
    make: async (items, signal) => {
      const stored: StoredBatch[] = [];
      for (const item of items) stored.push(await storedOf(sink, item, signal));
      return groupOf(items, await pool.open(stored, signal));
    },
    close: () => pool.close(),
  };
}

const groupOf = (items: readonly WantedBatch[], outgoing: Outgoing): OutgoingGroup => ({
  ...outgoing,
  ranges: items.flatMap((item) => item.ranges),
  sources: items.length,
});

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
