import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "../../src/core/json.ts";
import { decodePlans, encodePlans } from "../../src/core/plan-codec.ts";
import type { VerifyReport } from "../../src/operate/verify/report.ts";
import { cli } from "../operate/cli-process.ts";

/** What every released version left behind opens with the present code: the promise of docs/upgrade.md. */
const HOME = fileURLToPath(new URL("../fixtures/released/", import.meta.url));
const versions = readdirSync(HOME, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

interface Expected {
  readonly topic: string;
  readonly commits: Readonly<
    Record<string, readonly { readonly offset: string; readonly metadata: string }[]>
  >;
  readonly cat: Readonly<Record<string, { readonly lines: number; readonly sha256: string }>>;
}

test("there is a folder of every released version", () => {
  expect(versions).toContain("0.1");
});

describe.each(versions)("version %s", (version) => {
  const dir = mkdtempSync(join(tmpdir(), "archiver-released-"));
  const file = join(dir, "config.yaml");
  const identity = ["--identity", join(dir, "identity"), "--config", file];
  const expected = JSON.parse(
    readFileSync(join(HOME, version, "expected.json"), "utf8"),
  ) as Expected;
  const sinks = Object.keys(expected.cat);

  beforeAll(() => cpSync(join(HOME, version), dir, { recursive: true }));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("every archive verifies, every file opened", async () => {
    const named = sinks.flatMap((name) => ["--sink", name]);
    const { code, stdout, stderr } = await cli([
      "verify",
      "--deep",
      "--json",
      ...named,
      ...identity,
    ]);
    expect(code, stderr + stdout.slice(0, 2_000)).toBe(0);
    const report = parse(stdout) as VerifyReport;
    expect(report.sinks.map((s) => s.name)).toEqual(sinks);
    for (const s of report.sinks) expect(s.partitions.length).toBeGreaterThan(0);
  });

  test.each(sinks)("cat of %s prints what it printed then", async (name) => {
    const args = ["cat", "--sink", name, "--topic", expected.topic, ...identity];
    const { code, stdout, stderr } = await cli(args);
    expect(code, stderr).toBe(0);
    expect({
      lines: stdout.split("\n").length - 1,
      sha256: createHash("sha256").update(stdout).digest("hex"),
    }).toEqual(expected.cat[name]);
  });

  test("what was committed is understood, and would be committed the same again", () => {
    let plans = 0;
    for (const { metadata } of Object.values(expected.commits).flat()) {
      const found = decodePlans(metadata);
      if ("invalid" in found) throw new Error(found.invalid);
      expect(encodePlans(found)).toBe(metadata);
      plans += found.plans.length;
    }
    expect(plans).toBeGreaterThan(0);
  });
});
