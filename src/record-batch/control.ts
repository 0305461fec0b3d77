import { decodeRecords } from "./records.ts";

/** `other`: the log's own markers (leader change, snapshots), which end no transaction. */
export type ControlType = "abort" | "commit" | "other";

/**
 * What a control batch says: its one record's key is version int16, type int16 (0 abort, 1 commit).
 * A later version only adds fields. A cleaned control batch without its record says nothing:
 * `other`.
 *
 * @throws ArchiverError `undecodable-record-batch`
 */
export function controlTypeOf(batchBytes: Uint8Array): ControlType {
  const key = decodeRecords(batchBytes)[0]?.key;
  if (key === undefined || key === null || key.length < 4) return "other";
  const type = ((key[2] as number) << 8) | (key[3] as number);
  return type === 0 ? "abort" : type === 1 ? "commit" : "other";
}
