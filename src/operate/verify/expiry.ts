import type { Manifest } from "../../core/description.ts";

/** Whether a batch is so old that its data may be gone. */
export type Expiry = (manifest: Manifest) => boolean;

export const NEVER: Expiry = () => false;

/**
 * By the newest record's timestamp: it stands in the manifest, so everybody judges alike, whenever and
 * wherever. A batch whose records have no time never expires.
 */
export const olderThan =
  (retentionMs: number | null, nowMs: number): Expiry =>
  ({ maxTimestamp }) =>
    retentionMs !== null &&
    maxTimestamp !== null &&
    maxTimestamp < BigInt(nowMs) - BigInt(retentionMs);
