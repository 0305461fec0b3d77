import { DEPLOYMENTS } from "./cases/deployments.ts";
import { OFFSETS } from "./cases/offsets.ts";
import { PROCESSES } from "./cases/processes.ts";
import { SINKS } from "./cases/sinks.ts";
import { TOPICS } from "./cases/topics.ts";
import type { FaultCase } from "./stage.ts";

export const CASES: readonly FaultCase[] = [
  ...PROCESSES,
  ...OFFSETS,
  ...SINKS,
  ...DEPLOYMENTS,
  ...TOPICS,
];
