import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { configDir, edited, load } from "./load.ts";

/** `signing`, `heads` and `retention`: what they become, and what is wrong with them. */
const dir = configDir({ key: "-----BEGIN PRIVATE KEY-----" });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SIGNING = "signing: { keyFile: key }";

test("paths are absolute, times are milliseconds, and nothing is the default", async () => {
  const more = { 7: SIGNING, 8: "heads: { file: out/heads }", 9: "retention: 400d" };
  const [pipeline] = (await load(edited(more), dir)).pipelines;
  expect(pipeline).toMatchObject({
    signing: { keyFile: join(dir, "key"), keyId: null },
    heads: { place: { file: join(dir, "out/heads") }, everyMs: 600_000 },
    retentionMs: 34_560_000_000,
  });
  const [plain] = (await load(edited({}), dir)).pipelines;
  expect(plain).toMatchObject({ signing: null, heads: null, retentionMs: null });
});

test.each([
  ["a key that is not there", { 7: "signing: { keyFile: none }" }, "7:21: signing.keyFile: cannot"],
  ["heads that nobody signs", { 7: "heads: { file: x }" }, "7:8: heads: heads are signed"],
  [
    "two places",
    { 7: SIGNING, 8: "heads: { file: x, topic: y }" },
    "heads: exactly one of topic, file and sink",
  ],
  ["no place", { 7: SIGNING, 8: "heads: { every: 5m }" }, "heads: exactly one of topic, file"],
  [
    "a sink that is not there",
    { 7: SIGNING, 8: "heads: { sink: flies }" },
    '8:16: heads.sink: no sink is named "flies" (did you mean "files"?)',
  ],
  [
    "a topic that is archived itself",
    { 7: SIGNING, 8: "heads: { topic: logs }" },
    "8:17: heads.topic: is a topic that this pipeline archives",
  ],
  ["a retention without unit", { 7: "retention: 400" }, "7:12: retention: 400 has no unit"],
  ["a retention of hours", { 7: "retention: 3h" }, "7:12: retention: "],
] as const)("%s", async (_name, lines, problem) => {
  await expect(load(edited(lines), dir)).rejects.toThrow(problem);
});
