import { flipBit, remove } from "../operate/archive-damage.ts";
import type { Scenario } from "./scenario.ts";
import { onTwoFolders } from "./scenarios/two-folders.ts";

export const SCENARIOS: readonly Scenario[] = [
  onTwoFolders({
    name: "rewrap to another recipient",
    argv: ({ archive, a, b }) =>
      archive.argv(
        ...["rewrap", "--identity", a.file],
        ...["--add", b.recipient, "--remove", a.recipient],
      ),
    reader: ({ b }) => b,
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
    reader: ({ a }) => a,
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
    reader: ({ a }) => a,
  }),
];
