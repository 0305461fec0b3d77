import { afterAll, beforeAll, expect, test } from "vitest";
import { conformance, type ConformanceTarget } from "../../../src/sdk/conformance.ts";
import { targetOf } from "./place.ts";
import { sharedCassandra } from "./server.ts";

let target: ConformanceTarget;
let stop: () => Promise<void>;

beforeAll(async () => {
  const server = await sharedCassandra();
  target = targetOf(server.address);
  stop = () => server.stop();
}, 300_000);
afterAll(() => stop());

test("the kit has cases", () => {
  expect(conformance.length).toBeGreaterThan(15);
});

/** Every place is a keyspace with its tables, and the node shares the processors with the tests. */
const SLOWER = 4;

for (const held of conformance) {
  test(held.name, { timeout: SLOWER * held.timeoutMs }, () => held.run(target));
}
