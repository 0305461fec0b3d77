import { existsSync } from "node:fs";
import { join } from "node:path";
import { batchesOf, flipBit, namesOf, remove } from "../../operate/archive-damage.ts";
import { Life } from "../life.ts";
import { runCommand } from "../run-command.ts";
import type { Scenario } from "../scenario.ts";
import { onTwoFolders } from "./on-two-folders.ts";
import type { TwoFolders } from "./two-folders.ts";

const SINKS = ["files", "copy"] as const;

/** All data but that of the newest batch is gone, and all manifests are there. */
function pruned({ archive }: TwoFolders): readonly string[] {
  return SINKS.flatMap((sink) => {
    const batches = batchesOf(archive.folder(sink));
    const left = batches.filter(({ data }) => existsSync(data)).map(({ start }) => start);
    const good = batches.length > 2 && left.join() === String(batches.at(-1)?.start);
    return good
      ? []
      : [`${sink} has ${batches.length} batches, and data of ${left.join() || "none"}`];
  });
}

function rewrapping({ archive, a, b }: TwoFolders): readonly string[] {
  const change = ["--add", b.recipient, "--remove", a.recipient];
  return archive.argv("rewrap", "--identity", a.file, ...change);
}

async function rewrap(two: TwoFolders): Promise<void> {
  const { code, stderr } = await runCommand(new Life(null), rewrapping(two));
  if (code !== 0) throw new Error(`rewrap ended with ${code}: ${stderr}`);
}

/** Commands that write into sinks what is or should be there already, or take it away. */
export const MENDING: readonly Scenario[] = [
  onTwoFolders({
    name: "rewrap to another recipient",
    argv: rewrapping,
    accept: (two) => two.same(two.b),
  }),
  onTwoFolders({
    name: "reconcile what is missing and what is damaged",
    argv: ({ archive }) => archive.argv("reconcile", "--source", "files", "--target", "copy"),
    damage: ({ archive }) => {
      const [whole, data, manifest, hurt] = [0, 1, 2, 3].map((at) => archive.batch("copy", at));
      if (whole !== undefined) remove(whole.data, whole.manifest);
      if (data !== undefined) remove(data.data);
      if (manifest !== undefined) remove(manifest.manifest);
      if (hurt !== undefined) flipBit(hurt.data);
    },
    accept: (two) => two.same(two.a),
  }),
  onTwoFolders({
    name: "replay with --repair",
    argv: ({ archive }) => archive.argv("replay", "--topic", archive.name, "--repair"),
    damage: ({ archive }) => {
      const [gone, hurt] = [0, 2].map((at) => archive.batch("files", at));
      if (gone !== undefined) remove(gone.data);
      if (hurt !== undefined) flipBit(hurt.data);
      flipBit(archive.batch("copy", 1).data);
    },
    accept: (two) => two.same(two.a),
  }),
  onTwoFolders({
    name: "replay what no sink has any more",
    argv: ({ archive }) => archive.argv("replay", "--topic", archive.name),
    damage: ({ archive }) => {
      for (const sink of SINKS) {
        const last = batchesOf(archive.folder(sink)).at(-1);
        if (last !== undefined) remove(last.data, last.manifest);
      }
    },
    accept: (two) => two.same(two.a),
    each: true,
  }),
  onTwoFolders({
    name: "reconcile what was rewrapped",
    argv: ({ archive }) => archive.argv("reconcile", "--source", "files", "--target", "copy"),
    damage: async (two) => {
      await rewrap(two);
      const [gone, hurt] = [0, 1].map((at) => two.archive.batch("copy", at));
      if (gone !== undefined) remove(gone.data, gone.manifest);
      if (hurt !== undefined) flipBit(hurt.data);
    },
    accept: (two) => two.same(two.b),
  }),
  onTwoFolders({
    name: "replay into a fresh archive",
    argv: ({ archive }) => archive.argv("replay", "--topic", archive.name, "--into", "again"),
    made: ({ archive }) => [`${namesOf(join(archive.folder("files"), "again")).length} manifests`],
    accept: (two) => two.audited(two.a, ["files/again"]),
    each: true,
  }),
  onTwoFolders({
    name: "prune what has expired",
    argv: ({ expiring }) => ["prune", "--config", expiring, "--max-delete-percent", "100"],
    accept: (two) => Promise.resolve(pruned(two)),
  }),
];
