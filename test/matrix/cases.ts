import { BROKERS } from "./cases/brokers.ts";
import { BUCKETS } from "./cases/buckets.ts";
import { CLOCKS } from "./cases/clocks.ts";
import { DEPLOYMENTS } from "./cases/deployments.ts";
import { LIFE } from "./cases/life.ts";
import { NETWORKS } from "./cases/networks.ts";
import { OFFSETS } from "./cases/offsets.ts";
import { PROCESSES } from "./cases/processes.ts";
import { RECORDS } from "./cases/records.ts";
import { SINKS } from "./cases/sinks.ts";
import { STORES } from "./cases/stores.ts";
import { TOPICS } from "./cases/topics.ts";
import type { FaultCase } from "./stage.ts";

export const CASES: readonly FaultCase[] = [
  ...PROCESSES,
  ...CLOCKS,
  ...OFFSETS,
  ...NETWORKS,
  ...SINKS,
  ...BUCKETS,
  ...DEPLOYMENTS,
  ...TOPICS,
  ...RECORDS,
  ...BROKERS,
  ...STORES,
  ...LIFE,
];
