import type { Scenario } from "./scenario.ts";
import { BEGINNING } from "./scenarios/beginning.ts";
import { BRINGING_IN } from "./scenarios/bringing-in.ts";
import { BRINGING_OUT } from "./scenarios/bringing-out.ts";
import { MENDING } from "./scenarios/mending.ts";
import { ORDERS } from "./scenarios/orders.ts";
import { READING } from "./scenarios/reading.ts";
import { SINKS } from "./scenarios/sinks.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...MENDING,
  ...BRINGING_OUT,
  ...BRINGING_IN,
  ...ORDERS,
  ...BEGINNING,
  ...READING,
  ...SINKS,
];
