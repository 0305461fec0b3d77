import type { Lease } from "./lease.ts";
import type { TopicPartition } from "./requests/offsets.ts";

export interface MemberListener {
  /** A new assignment, after every rebalance; partitions that stayed are in it again. */
  assigned(lease: Lease): void;
  /** The membership is over: nothing is owned until the next assignment. */
  lost(reason: string): void;
}

export interface MemberOptions {
  readonly group: string;
  /** Static membership (KIP-345): a restart within the session time-out moves nothing. */
  readonly instanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  /** What is subscribed to now, and the partitions that a leader distributes. */
  readonly topics: () => readonly string[];
  readonly partitions: () => readonly TopicPartition[];
  /** Told to the other members; has to be the same after a restart. */
  readonly about: Readonly<Record<string, string>>;
}

export interface MemberState {
  readonly status: "joining" | "stable" | "stopped";
  readonly memberId: string;
  readonly generation: number;
  readonly lastError: string | null;
}
