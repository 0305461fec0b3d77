import { existsSync } from "node:fs";
import { join } from "node:path";
import { batchesOf, flipBit, namesOf, remove } from "../../operate/archive-damage.ts";
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

/** Commands that write into sinks what is or should be there already, or take it away. */
export const MENDING: readonly Scenario[] = [
  onTwoFolders({
    name: "rewrap to another recipient",
    argv: ({ archive, a, b }) => {
      const change = ["--add", b.recipient, "--remove", a.recipient];
      return archive.argv("rewrap", "--identity", a.file, ...change);
    },
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
