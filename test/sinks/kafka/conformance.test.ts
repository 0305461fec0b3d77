import { expect, test } from "vitest";
import { conformance } from "../../../src/sdk/conformance.ts";
import { kafkaTarget } from "./kafka-place.ts";

test("the kit has cases", () => {
  expect(conformance.length).toBeGreaterThan(15);
});

for (const held of conformance) {
  test(held.name, { timeout: 3 * held.timeoutMs }, () => held.run(kafkaTarget));
}
