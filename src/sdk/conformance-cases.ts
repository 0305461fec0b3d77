import type { ConformanceCase } from "./conformance-case.ts";
import { crashCases } from "./conformance-crash.ts";
import { faultCases } from "./conformance-faults.ts";
import { lookCases } from "./conformance-look.ts";
import { manyCases } from "./conformance-many.ts";
import { mendCases } from "./conformance-mend.ts";
import { publishCases } from "./conformance-publish.ts";
import { raceCases } from "./conformance-race.ts";
import { rewrapCases } from "./conformance-rewrap.ts";
import { sizeCases } from "./conformance-sizes.ts";

/** In the order in which they run: what is quick first. */
export const conformance: readonly ConformanceCase[] = [
  ...publishCases,
  ...sizeCases,
  ...lookCases,
  ...manyCases,
  ...raceCases,
  ...faultCases,
  ...mendCases,
  ...rewrapCases,
  ...crashCases,
];
