import { expect, test } from "vitest";
import { conformance } from "../../../src/sdk/conformance.ts";
import { hdfsTarget } from "./hdfs-place.ts";
import { testHdfs } from "./server.ts";

const hdfs = testHdfs();
const target = hdfsTarget(() => hdfs().url);

/** The kit's times are those of a disk; here every file is a dozen requests and five fsyncs. */
const SLOWER = 4;

test("the kit has cases", () => {
  expect(conformance.length).toBeGreaterThan(15);
});

for (const held of conformance) {
  test(held.name, { timeout: SLOWER * held.timeoutMs }, () => held.run(target));
}
