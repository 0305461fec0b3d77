import type { TopicPartition } from "./requests/offsets.ts";

/**
 * One assignment, captured by value when it was made (design rule 8). A commit carries it and is never
 * sent again under another: the broker refuses it once the group has moved on.
 */
export interface Lease {
  readonly group: string;
  readonly memberId: string;
  readonly generation: number;
  readonly instanceId: string | null;
  readonly partitions: readonly TopicPartition[];
}
