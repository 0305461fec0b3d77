import type { Emit } from "./events.ts";
import type { GroupReport, PartitionReport } from "./group-report.ts";
import type { Log } from "./log.ts";
import type { StatusReport } from "./status-report.ts";

/** What the daemon lets others see while it runs. `status` and what asks nobody never throw. */
export interface DaemonView {
  status(): StatusReport;
  /** Null: ready; else why not, in words. */
  notReady(): string | null;
  /** This process's name among the members of its groups. */
  self(): string;
  limits(): DaemonLimits;
  /** Every group it is a member of, as Kafka knows it: asks Kafka, and rejects when that fails. */
  groups(signal: AbortSignal): Promise<readonly GroupReport[]>;
  /** Asks Kafka and a sink; null: no such partition. */
  partition(
    group: string,
    topic: string,
    partition: number,
    signal: AbortSignal,
  ): Promise<PartitionReport | null>;
}

export interface DaemonLimits {
  /** The largest `batch.age` of the pipelines. */
  readonly batchAgeMs: number;
  /** A record that is older and not confirmed counts as behind; the alert rules use the same. */
  readonly unconfirmedMs: number;
}

/** What the daemon gets from the command that runs it. */
export interface DaemonHost {
  readonly tool: string;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly emit: Emit;
  /** Cuts every secret of the configuration out of a text. */
  readonly redact: (text: string) => string;
  /** Once, as soon as it can answer. */
  publish(view: DaemonView): void;
  /** For a job that ends: where each partition's log is taken to end. @default where it ends */
  readonly endsAt?: (topic: string, partition: number) => bigint | null;
}
