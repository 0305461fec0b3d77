import type { Scenario } from "../scenario.ts";
import { onTwoFolders } from "./on-two-folders.ts";
import type { TwoFolders } from "./two-folders.ts";

const reading = (name: string, argv: (two: TwoFolders) => readonly string[]): Scenario =>
  onTwoFolders({ name, argv, accept: (two) => two.same(two.a) });

/** Commands that say what is there; they leave it as it is, whether or not they come to their end. */
export const READING: readonly Scenario[] = [
  reading("verify of everything", ({ archive, a }) => {
    const all = ["--deep", "--across-sinks", "--against-kafka"];
    return archive.argv("verify", ...all, "--identity", a.file);
  }),
  reading("verify of what is quick", ({ archive }) => archive.argv("verify", "--quick")),
  reading("list", ({ archive }) => archive.argv("list", "--sink", "copy")),
  reading("cat of a range", ({ archive, a }) =>
    archive.argv("cat", "--from", "5", "--to", "70", "--identity", a.file),
  ),
  reading("check", ({ archive }) => archive.argv("check")),
  reading("status without a daemon", ({ archive }) => archive.argv("status")),
];
