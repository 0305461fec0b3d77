import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { conformance, type ConformanceRow } from "../../src/sdk/conformance.ts";
import { BROKEN, type Broken } from "./broken-sinks.ts";
import type { Installed } from "./installation.ts";

/** The conformance kit on the example as its author runs it, and on the sinks that are broken. */
export function kitTests(on: Installed): void {
  const shelfEnv = () => ({ SHELF_URL: on.shelf.url, SHELF_TOKEN: on.shelf.token });

  test(
    "holds for the example under node --test, with its matrix",
    { timeout: 240_000 },
    async () => {
      const matrix = join(on.npm.folder, "matrix.jsonl");
      const small = { SHELF_BATCHES: "400", SHELF_KILLS: "10", CONFORMANCE_MATRIX: matrix };
      const { code, stdout } = await on.npm.node(["--test", "test/conformance.test.js"], {
        cwd: join(on.npm.folder, "bulk-archiver-sink-shelf"),
        env: { ...shelfEnv(), ...small },
      });
      expect(stdout).toMatch(/^ℹ fail 0$/m);
      expect(code).toBe(0);
      const lines = readFileSync(matrix, "utf8").trimEnd().split("\n");
      const found = lines.map((l) => JSON.parse(l) as ConformanceRow);
      expect(found.map((r) => r.case)).toEqual(conformance.map((c) => c.name));
      const unasked = found
        .filter((r) => r.outcome !== "held")
        .map((r) => `${r.outcome}: ${r.case}`);
      expect(unasked).toEqual([
        "not-asked: data that lost its description is damaged, never taken for something else",
        "not-asked: setAside acts only on what was seen, and then it is gone",
        "not-asked: a damaged file gives way to the right one and is kept, and what is right stays",
        "not-asked: the manifest of another batch gives way, and its file as well",
        "not-asked: a mend whose answers were lost is found done",
        "not-asked: a rewrapped file is what its newest amendment says, and none else is left",
        "not-asked: a rewrap whose answer was lost is found done, and one that arrives late takes no newer file",
      ]);
    },
  );

  describe("catches a sink that is broken", () => {
    const matrices = new Map<string, readonly ConformanceRow[]>();

    beforeAll(async () => {
      const rest = BROKEN.values();
      // They mostly wait, for what the kit makes slow.
      const lane = async (): Promise<void> => {
        for (const { name } of rest) {
          const options = { env: shelfEnv() };
          const { stdout, stderr } = await on.npm.node(["broken-sinks/run.js", name], options);
          if (stderr !== "") throw new Error(`${name}: ${stderr}`);
          matrices.set(name, JSON.parse(stdout) as ConformanceRow[]);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    }, 300_000);

    test.each(BROKEN)("$name", (b) => {
      const found = matrices.get(b.name) ?? [];
      expect(found.length).toBeGreaterThan(30);
      expect(failedOf(found)).toContain(b.caughtBy);
      expect(failedOf(found).filter((name) => !related(b, name))).toEqual([]);
    });
  });
}

const LANES = 3;

const failedOf = (found: readonly ConformanceRow[]): readonly string[] =>
  found.filter((r) => r.outcome === "failed").map((r) => r.case);

const related = (b: Broken, name: string): boolean =>
  name === b.caughtBy || b.also.some((part) => name.includes(part));
