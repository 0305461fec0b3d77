import type { ArchivedRecord } from "../../core/record.ts";
import { controlTypeOf } from "../../record-batch/control.ts";
import { recordBatches } from "../../record-batch/header.ts";
import { decodeRecords } from "../../record-batch/records.ts";

/**
 * Tells committed records of a log that is read past open transactions: a transaction's records are
 * held until its marker comes. So a reader need not wait for transactions of others, and after a new
 * epoch of one transactional id everything of the earlier ones is decided.
 */
export class CommittedRecords {
  readonly #open = new Map<bigint, ArchivedRecord[]>();

  /** The records that became committed with this piece of the log, and where the next one begins. */
  read(log: Buffer, from: bigint): { records: readonly ArchivedRecord[]; next: bigint } {
    const records: ArchivedRecord[] = [];
    let next = from;
    for (const { header, bytes } of recordBatches(log)) {
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
