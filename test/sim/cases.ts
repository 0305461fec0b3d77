import type { Case } from "./cases/case.ts";
import { LOGS } from "./cases/logs.ts";
import { OPERATORS } from "./cases/operators.ts";
import { RECALLED } from "./cases/recalled.ts";
import { RECORD_SINKS } from "./cases/record-sinks.ts";
import { REPAIRS } from "./cases/repairs.ts";
import { REPAIRS_BESIDE } from "./cases/repairs-beside.ts";
import { RESTORED_OPERATORS } from "./cases/restored-operators.ts";
import { SINKS_AND_COMMITS } from "./cases/sinks-and-commits.ts";

/** Each is a fault of the product that the simulation found once. */
export const CASES: readonly Case[] = [
  ...LOGS,
  ...SINKS_AND_COMMITS,
  ...RECALLED,
  ...RECORD_SINKS,
  ...OPERATORS,
  ...RESTORED_OPERATORS,
  ...REPAIRS,
  ...REPAIRS_BESIDE,
];
