import type { ArchivedRecord } from "../../core/record.ts";
import { controlTypeOf } from "../../record-batch/control.ts";
import { ArchiverError } from "../../core/errors.ts";
import { verifyCrc } from "../../record-batch/crc.ts";
import { type RecordBatch, recordBatches } from "../../record-batch/header.ts";
import { decodeRecords } from "../../record-batch/records.ts";
import { SinkError } from "../../sdk/sink-error.ts";

/**
 * Tells committed records of a log that is read past open transactions: a transaction's records are
 * held until its marker comes. So a reader need not wait for transactions of others, and after a new
 * epoch of one transactional id everything of the earlier ones is decided.
 */
export class CommittedRecords {
  readonly #open = new Map<bigint, ArchivedRecord[]>();

  /**
   * The records that became committed with this piece of the log, and where the next one begins.
   * @throws SinkError sink-transient where the piece is not as it was written: nothing of it counts
   */
  read(log: Buffer, from: bigint): { records: readonly ArchivedRecord[]; next: bigint } {
    const records: ArchivedRecord[] = [];
    let next = from;
    for (const { header, bytes } of wholeBatches(log)) {
      if (header.nextOffset <= next) continue;
      const since = next;
      next = header.nextOffset;
      if (header.control) {
        const decided = controlTypeOf(bytes);
        if (decided === "other") continue;
        if (decided === "commit") records.push(...(this.#open.get(header.producerId) ?? []));
        this.#open.delete(header.producerId);
      } else if (header.transactional) {
        const held = this.#open.get(header.producerId) ?? [];
        held.push(...decodeRecords(bytes).filter((r) => r.offset >= since));
        this.#open.set(header.producerId, held);
      }
    }
    return { records, next };
  }
}

/**
 * A bit that flipped on the way would take an entry for another one, or for none: then its records would be
 * written twice. So all of it is checked before any of it is taken.
 */
export function wholeBatches(log: Buffer): readonly RecordBatch[] {
  const batches = parsed(log);
  const wrong = batches.find(({ bytes }) => !verifyCrc(bytes));
  if (wrong === undefined) return batches;
  throw misread(`the record batch at offset ${wrong.header.baseOffset} has a wrong CRC32C`);
}

function parsed(log: Buffer): readonly RecordBatch[] {
  try {
    return [...recordBatches(log)];
  } catch (error) {
    if (error instanceof ArchiverError && error.code === "corrupt-record-batch")
      throw misread(error.message);
    throw error;
  }
}

const misread = (what: string): SinkError =>
  new SinkError(
    "sink-transient",
    `a log of the target cluster reads wrong: ${what}; it is read again`,
  );
