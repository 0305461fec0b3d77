/** One topic partition of one incarnation: every batch, chain and folder belongs to exactly one. */
export interface Scope {
  readonly topic: string;
  /** Kafka's topic id, base64url without padding; `_` where the broker has none. */
  readonly topicId: string;
  readonly partition: number;
  /** Counts truncations of the log (unclean leader elections) that the archive has seen. */
  readonly branch: number;
}

/** A batch is found by its first offset alone, so two cuts of one start collide by name. */
export interface BatchKey extends Scope {
  readonly start: bigint;
}

/** Unique and stable text of a scope, for maps, locks and log lines. */
export const scopeText = (s: Scope): string => `${s.topic}/${s.topicId}/${s.partition}/${s.branch}`;

/** The batch id: a pure function of the key, the same in every sink and on every attempt. */
export const batchId = (k: BatchKey): string => `${scopeText(k)}/${k.start}`;
