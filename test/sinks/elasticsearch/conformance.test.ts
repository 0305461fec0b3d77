import { afterAll, beforeAll, expect, test } from "vitest";
import { conformance } from "../../../src/sdk/conformance.ts";
import { elasticsearch, elasticsearchTarget } from "./elasticsearch-place.ts";

let stop: () => Promise<void> = () => Promise.resolve();

beforeAll(async () => {
  ({ stop } = await elasticsearch());
}, 300_000);

afterAll(() => stop());

test("the kit has cases", () => {
  expect(conformance.length).toBeGreaterThan(15);
});

for (const held of conformance) {
  test(held.name, { timeout: 4 * held.timeoutMs }, () => held.run(elasticsearchTarget));
}
