import { createHmac } from "node:crypto";
import { stringify } from "./json.ts";
import { offsetName } from "./layout.ts";
import { type Scope, scopeText } from "./scope.ts";
import type { Signer } from "./signature.ts";

/** What `prune` leaves in a sink before it removes data: up to where, and of which chain. */
export interface PrunedPrefix extends Scope {
  readonly version: 1;
  readonly archiveId: string;
  readonly clusterId: string;
  /** Exclusive: data of batches that end at or before it may be gone. */
  readonly end: bigint;
  /** Of the batch that ends there. */
  readonly link: string;
  /** The retention that was configured. */
  readonly retentionMs: number;
}

export interface PruneKeys {
  readonly signer: Signer | null;
  /** The one of manifests. */
  readonly macKey: Uint8Array | null;
}

const prunedFolder = (scope: Scope): string => `pruned/${scopeText(scope)}`;
export const prunedPath = (scope: Scope, end: bigint): string =>
  `${prunedFolder(scope)}/${offsetName(end)}.json`;

/** JSON in exactly one spelling (docs/format-manifest.md), newline included. */
export function encodePruned(pruned: PrunedPrefix, { signer, macKey }: PruneKeys): string {
  const { version, archiveId, clusterId, topic, topicId, partition, branch } = pruned;
  const { end, link, retentionMs } = pruned;
  const plain = {
    ...{ version, archiveId, clusterId, topic, topicId, partition, branch },
    ...{ end, link, retentionMs },
  };
  const signature = signer?.sign("pruned", `${stringify(plain)}\n`);
  const signed = signature === undefined ? plain : { ...plain, signature };
  if (macKey === null) return `${stringify(signed)}\n`;
  const mac = createHmac("sha256", macKey)
    .update(`bulk-archiver pruned 1\n${stringify(signed)}\n`)
    .digest("hex");
  return `${stringify({ ...signed, mac })}\n`;
}
