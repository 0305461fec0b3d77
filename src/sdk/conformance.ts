/**
 * The conformance kit, `bulk-archiver/sdk/conformance`: what every sink has to hold, run on its real
 * server. `testConformance` makes a test of each case, under vitest or `node --test`;
 * `runConformance` runs them without a test runner.
 */
export { conformance } from "./conformance-cases.ts";
export type { ConformanceCase, Outcome } from "./conformance-case.ts";
export type {
  ConformancePlace,
  ConformanceTarget,
  Fault,
  FaultySink,
} from "./conformance-target.ts";
export { HttpFaults } from "./conformance-http.ts";
export { TcpFaults } from "./conformance-tcp.ts";
export { type ConformanceRow, runConformance, testConformance } from "./conformance-run.ts";
