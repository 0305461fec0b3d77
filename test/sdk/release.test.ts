import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

/** What the release workflow may do, and that it says where a package came from. */
const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

const step = z.looseObject({ run: z.string().optional(), uses: z.string().optional() });
const job = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  "timeout-minutes": z.int(),
  steps: z.array(step).min(3),
});
const workflow = z.looseObject({
  on: z.strictObject({ push: z.strictObject({ tags: z.tuple([z.literal("v*")]) }) }),
  permissions: z.strictObject({}),
  jobs: z.strictObject({ test: job, publish: job.extend({ needs: z.literal("test") }) }),
});

test("a release is a tested tag, published with provenance and without a secret", () => {
  const text = read(".github/workflows/release.yaml");
  const { jobs } = workflow.parse(parse(text));
  expect(jobs.test.permissions).toEqual({ contents: "read" });
  expect(jobs.publish.permissions).toEqual({ contents: "read", "id-token": "write" });
  const runs = (steps: readonly z.infer<typeof step>[]): string =>
    steps.map((s) => s.run ?? "").join("\n");
  expect(runs(jobs.test.steps)).toMatch(/^npm test$/m);
  expect(runs(jobs.publish.steps)).toMatch(/^npm publish --provenance /m);
  expect(text).not.toContain("secrets.");
});

test("the changelog has what is not released, and the version that is", () => {
  const { version } = z
    .looseObject({ version: z.string() })
    .parse(JSON.parse(read("package.json")));
  const headings = [...read("docs/changelog.md").matchAll(/^## (.+)$/gm)].map((m) => m[1] ?? "");
  expect(headings[0]).toBe("Unreleased");
  // Before the first release there is no version to name.
  if (version !== "0.1.0") expect(headings[1]).toContain(version);
});
