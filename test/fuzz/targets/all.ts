import type { Target } from "../target.ts";
import { configTarget } from "./config.ts";
import { documentTargets } from "./documents.ts";
import { httpTarget } from "./http.ts";
import { kafkaTargets } from "./kafka.ts";
import { recordTargets } from "./records.ts";
import { storedTargets } from "./stored.ts";
import { storeTarget } from "./stores.ts";

/** Everything that reads what others wrote. */
export const openTargets = async (): Promise<readonly Target[]> => [
  ...recordTargets,
  ...storedTargets,
  ...documentTargets,
  ...kafkaTargets,
  configTarget(),
  httpTarget(),
  storeTarget("elasticsearch"),
  storeTarget("hdfs"),
  storeTarget("s3"),
];
