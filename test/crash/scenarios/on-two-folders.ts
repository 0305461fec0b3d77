import { runCommand } from "../run-command.ts";
import type { Scenario } from "../scenario.ts";
import { dismiss } from "./dead-members.ts";
import type { TwoFolders } from "./two-folders.ts";

export interface FolderCommand {
  readonly name: string;
  readonly argv: (two: TwoFolders) => readonly string[];
  /** What is done to the archive before. */
  readonly damage?: (two: TwoFolders) => void | Promise<void>;
  /** What it makes outside of the folders, or what cannot be the same twice in words that are. */
  readonly made?: (two: TwoFolders) => readonly string[] | Promise<readonly string[]>;
  /** What is wrong in the end, by others than the product. @default nothing but what differs from the run undisturbed */
  readonly accept?: (two: TwoFolders) => Promise<readonly string[]>;
  /** `accept` also of every run that followed a death, where files have the same names, and never the same bytes. */
  readonly each?: boolean;
}

/** A command on two folders. Whoever died, they have the same files afterwards, and the daemon goes on where it was. */
export const onTwoFolders = (c: FolderCommand): Scenario => ({
  name: c.name,
  open: async (world) => {
    const two = await world.folders();
    const { archive } = two;
    const argv = (): readonly string[] => c.argv(two);
    const position = await archive.topic.committed(archive.name);
    let wanted: readonly string[] | undefined;
    return {
      argv,
      reset: async () => {
        two.restore();
        await c.damage?.(two);
      },
      run: (life) => runCommand(life, argv()),
      mourn: () => dismiss(archive.name),
      judge: async () => {
        const there = two.content();
        const names = there.map((file) => file.replace(/ [0-9a-f]{64}$/, ""));
        const found = [...(c.each === true ? names : there), ...((await c.made?.(two)) ?? [])];
        const moved = (await archive.topic.committed(archive.name)).join() !== position.join();
        const wrong = moved ? ["the daemon's position was moved"] : [];
        const accepts = wanted === undefined || c.each === true;
        if (accepts) wrong.push(...((await c.accept?.(two)) ?? []));
        wanted ??= found;
        return [...wrong, ...differences(wanted, found)];
      },
    };
  },
});

function differences(wanted: readonly string[], found: readonly string[]): readonly string[] {
  const lacks = wanted.filter((w) => !found.includes(w)).map((w) => `lacks ${w}`);
  const more = found.filter((f) => !wanted.includes(f)).map((f) => `has ${f}`);
  return [...lacks, ...more].slice(0, 6);
}
