import type { ProofNote } from "../../../src/core/proof-note.ts";
import type { Scenario } from "../scenario.ts";
import { askNothing } from "./dead-members.ts";
import { noteIn } from "./note-in.ts";
import { onTwoFolders } from "./on-two-folders.ts";
import type { TwoFolders } from "./two-folders.ts";

type Argv = (two: TwoFolders) => readonly string[];

const reading = (name: string, argv: Argv): Scenario =>
  onTwoFolders({ name, argv, accept: (two) => two.same(two.a) });

/** It leaves a note for the daemon's page. */
const telling = (name: string, argv: Argv): Scenario => {
  const group = ({ archive }: TwoFolders): string => `${archive.name}.proof`;
  return onTwoFolders({
    ...{ name, argv },
    damage: (two) => askNothing(group(two), two.archive.name),
    made: async (two) => {
      const { atMs, ...note } = (await noteIn(group(two), two.archive.name)) as ProofNote;
      return [JSON.stringify(note), ...(atMs > 0 ? [] : ["it was proved at no time"])];
    },
    accept: async (two) => {
      const { problems, percent } = (await noteIn(group(two), two.archive.name)) as ProofNote;
      return problems === 0 && percent === 100 ? [] : ["another proof is told"];
    },
  });
};

/** Commands that say what is there; they leave it as it is, whether or not they come to their end. */
export const READING: readonly Scenario[] = [
  reading("verify of everything", ({ archive, a }) => {
    const all = ["--deep", "--across-sinks", "--against-kafka"];
    return archive.argv("verify", ...all, "--identity", a.file);
  }),
  telling("verify, told", ({ archive }) => archive.argv("verify", "--across-sinks", "--tell")),
  reading("verify of what is quick", ({ archive }) => archive.argv("verify", "--quick")),
  reading("list", ({ archive }) => archive.argv("list", "--sink", "copy")),
  reading("cat of a range", ({ archive, a }) =>
    archive.argv("cat", "--from", "5", "--to", "70", "--identity", a.file),
  ),
  reading("check", ({ archive }) => archive.argv("check")),
  reading("status without a daemon", ({ archive }) => archive.argv("status")),
];
