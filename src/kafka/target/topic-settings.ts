/** Nothing but the newest record of a batch is needed; manifests of many holes are large. */
export const LEDGER_SETTINGS = {
  "cleanup.policy": "compact",
  "message.timestamp.type": "CreateTime",
  "max.message.bytes": String(20 << 20),
  "segment.bytes": String(64 << 20),
} as const;

/** A copy keeps what it got and its timestamps, however old or early, unless the operator says else. */
export const COPY_SETTINGS = {
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "message.timestamp.type": "CreateTime",
  "message.timestamp.before.max.ms": "9223372036854775807",
  "message.timestamp.after.max.ms": "9223372036854775807",
} as const;
