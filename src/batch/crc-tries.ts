import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import { verifyCrc } from "../record-batch/crc.ts";
import type { RecordBatchHeader } from "../record-batch/header.ts";

/** How often a record batch with a wrong checksum is fetched again before the partition stops. */
const CRC_TRIES = 3;

/** Checks a partition's record batches, and gives up on one that stays wrong. */
export class CrcTries {
  readonly #scope: Scope;
  #bad = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** False: fetch it again. @throws ArchiverError corrupt-record-batch after three fetches */
  right(h: RecordBatchHeader, bytes: Uint8Array): boolean {
    if (verifyCrc(bytes)) {
      this.#bad = 0;
      return true;
    }
    this.#bad += 1;
    if (this.#bad < CRC_TRIES) return false;
    const { topic, partition } = this.#scope;
    throw new ArchiverError(
      "corrupt-record-batch",
      `${topic}/${partition}: the record batch at offset ${h.baseOffset} to ${h.lastOffset} has ` +
        `a wrong CRC32C, fetched ${CRC_TRIES} times; nothing of it was archived`,
    );
  }
}
