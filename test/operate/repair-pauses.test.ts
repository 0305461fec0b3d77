import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { batchesOf, contentOf, flipBit, quarantined } from "./archive-damage.ts";
import { cli, killedWhen, start } from "./cli-process.ts";
import { LiveArchive } from "./live-archive.ts";
import type { Mended } from "./short-pauses.ts";

/** Much is damaged: one pause after the other, and who dies between two, or in one, leaves nothing half done. */
const main = fileURLToPath(new URL("short-pauses.ts", import.meta.url));
const ROUNDS = 8;
let archive: LiveArchive;
let [files, copy] = ["", ""];

beforeAll(async () => {
  archive = await LiveArchive.begin({ word: "repair-pauses", partitions: 1, rounds: ROUNDS });
  [files, copy] = [archive.folder("files"), archive.folder("copy")];
}, 120_000);

afterAll(() => archive.close());

/** Batches of the copy whose data is there and not what it should be. */
const wrong = (): number =>
  batchesOf(files).filter(({ data }) => {
    const mine = data.replace(files, copy);
    return existsSync(mine) && !readFileSync(mine).equals(readFileSync(data));
  }).length;

/** The second, fourth and sixth batch of the copy. */
function damage(): void {
  for (const at of [1, 3, 5]) flipBit(archive.batch("copy", at).data);
  expect(wrong()).toBe(3);
}

/** Runs to the end, a pause for each batch that is wrong; then all is there, beside a daemon under load. */
async function mendedBy(command: string): Promise<void> {
  const left = wrong();
  expect(left).toBeGreaterThan(1);
  const { code, stdout, stderr } = await cli([command, archive.config], { main });
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  const [mended] = JSON.parse(stdout) as readonly Mended[];
  expect(mended).toEqual({ replaced: left, problems: [] });
  expect(stderr.match(/^pause \d+$/gm)).toHaveLength(left);
  await archive.topic.stop();
  await archive.archived();
  expect(contentOf(copy)).toEqual(contentOf(files));
  expect(await archive.verified()).toBe("ok");
}

test("reconcile, killed between two pauses, goes on", async () => {
  damage();
  archive.topic.begin(20, 300);
  const running = start(["reconcile", archive.config], { main });
  await running.said("pause 2");
  running.child.kill("SIGKILL");
  expect((await running.ended).signal).toBe("SIGKILL");
  expect(wrong()).toBe(2);
  await mendedBy("reconcile");
}, 120_000);

test("replay --repair, killed when the first was set aside, goes on", async () => {
  damage();
  const before = quarantined(copy).length;
  const due = (): boolean => quarantined(copy).length > before;
  await killedWhen(due, ["replay", archive.config], { main });
  await mendedBy("replay");
}, 120_000);
