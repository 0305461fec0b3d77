import { expect, test } from "vitest";
import { conformance } from "../../src/sdk/conformance.ts";
import { fsTarget } from "./fs-place.ts";

test("the kit has cases", () => {
  expect(conformance.length).toBeGreaterThan(15);
});

for (const { name, timeoutMs, run } of conformance) {
  test(name, { timeout: timeoutMs }, () => run(fsTarget));
}
