import type { Scenario } from "./scenario.ts";
import { BRINGING_IN } from "./scenarios/bringing-in.ts";
import { BRINGING_OUT } from "./scenarios/bringing-out.ts";
import { MENDING } from "./scenarios/mending.ts";
import { READING } from "./scenarios/reading.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...MENDING,
  ...BRINGING_OUT,
  ...BRINGING_IN,
  ...READING,
];
