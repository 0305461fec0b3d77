import { Life } from "../life.ts";
import { runCommand } from "../run-command.ts";
import type { Scenario } from "../scenario.ts";
import { askNothing, dismiss } from "./dead-members.ts";
import { noteIn } from "./note-in.ts";
import type { TwoFolders } from "./two-folders.ts";

/** Of docs/operations: where requests lie. */
const groupOf = ({ archive }: TwoFolders): string => `${archive.name}.operator`;

interface Standing {
  readonly do: string;
  readonly id: string;
  readonly by: string;
}

/** What is asked of the partition's owner, as it lies in Kafka: who asked, and under which name, is left out. */
async function standing(two: TwoFolders): Promise<readonly string[]> {
  const list = ((await noteIn(groupOf(two), two.archive.name)) ?? []) as readonly Standing[];
  return list.map(({ id: _id, by: _by, ...asked }) => JSON.stringify(asked)).sort();
}

interface Ordering {
  readonly name: string;
  /** Commands that came before. */
  readonly after?: readonly (readonly string[])[];
  readonly argv: readonly string[];
  /** What is asked in the end. */
  readonly asks: readonly object[];
}

const ordering = ({ name, after = [], argv, asks }: Ordering): Scenario => ({
  name,
  open: async (world) => {
    const two = await world.folders();
    const words = ([command = "", ...more]: readonly string[]): readonly string[] =>
      two.archive.argv(command, "--topic", two.archive.name, ...more);
    const wanted = asks.map((asked) => JSON.stringify(asked)).sort();
    return {
      argv: () => words(argv),
      reset: async () => {
        await askNothing(groupOf(two), two.archive.name);
        for (const before of after) {
          const { code, stderr } = await runCommand(new Life(null), words(before));
          if (code !== 0) throw new Error(`${before.join(" ")} ended with ${code}: ${stderr}`);
        }
      },
      run: (life) => runCommand(life, words(argv)),
      mourn: () => dismiss(two.archive.name),
      judge: async () => {
        const found = await standing(two);
        if (found.join() === wanted.join()) return [];
        return [`${found.join() || "nothing"} is asked, not ${wanted.join() || "nothing"}`];
      },
    };
  },
});

const pause = { do: "pause", ttlMs: null, beat: 0 };
const SINK = ["--sink", "copy"];
const skip = ["skip", "--partition", "0", "--to", "500", "--reason", "ticket 815"];

/** What is asked of daemons, where none runs: it stands until one does. */
export const ORDERS: readonly Scenario[] = [
  ordering({ name: "pause", argv: ["pause"], asks: [pause] }),
  ordering({ name: "resume", after: [["pause"]], argv: ["resume"], asks: [] }),
  ordering({ name: "detach", argv: ["detach", ...SINK], asks: [{ do: "detach", sink: "copy" }] }),
  ordering({
    name: "attach",
    after: [["detach", ...SINK]],
    argv: ["attach", ...SINK],
    asks: [],
  }),
  ordering({
    name: "skip",
    argv: skip,
    asks: [{ do: "skip", to: 500, reason: "ticket 815" }],
  }),
];
