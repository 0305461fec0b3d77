import { stringify } from "./json.ts";
import { type Scope, scopeText } from "./scope.ts";
import type { Signature, Signer } from "./signature.ts";

/** The head of a chain at a time: who has it can prove later that no batch before it was removed. */
export interface PublishedHead extends Scope {
  readonly version: 1;
  readonly archiveId: string;
  readonly clusterId: string;
  /** Where the newest batch ends, and its link. */
  readonly end: bigint;
  readonly link: string;
  readonly signature: Signature;
}

/** One line of JSON in exactly one spelling (docs/format-manifest.md), newline included. */
export function encodeHead(head: Omit<PublishedHead, "signature">, signer: Signer): string {
  const { version, archiveId, clusterId, topic, topicId, partition, branch, end, link } = head;
  const plain = {
    ...{ version, archiveId, clusterId, topic, topicId, partition, branch, end, link },
  };
  const { algorithm, keyId, value } = signer.sign("head", `${stringify(plain)}\n`);
  return `${stringify({ ...plain, signature: { algorithm, keyId, value } })}\n`;
}

/** Key of a head's record in Kafka: with compaction the newest of each chain stays. */
export const headKey = (archiveId: string, scope: Scope): string =>
  `${archiveId}/${scopeText(scope)}`;
