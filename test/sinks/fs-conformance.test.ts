import { expect, test } from "vitest";
import { conformance, testConformance } from "../../src/sdk/conformance.ts";
import { fsTarget } from "./fs-place.ts";

test("the kit has cases", () => {
  expect(conformance.length).toBeGreaterThan(30);
});

testConformance(test, fsTarget);
