import { commonOptions } from "./cli.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { bashScript, type Completed, fishScript, zshScript } from "./completion-scripts.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
type Shell = keyof typeof SCRIPTS;

export const completionCommand: Command = {
  name: "completion",
  summary: "print a completion script for a shell",
  details:
    "For bash: source it, or write it into /etc/bash_completion.d. For zsh: as _bulk-archiver in a folder of $fpath. For fish: into ~/.config/fish/completions/bulk-archiver.fish.",
  options: [],
  argument: { name: "shell", choices: Object.keys(SCRIPTS) },
  examples: [
    "source <(bulk-archiver completion bash)",
    "bulk-archiver completion fish > ~/.config/fish/completions/bulk-archiver.fish",
  ],
  schema: null,
  run: async (args, { out }) => {
    // Late, because that list holds this command.
    const { commands } = await import("./commands.ts");
    const shell = args.text("shell") as Shell;
    await out.text(SCRIPTS[shell](commands.map(completed)));
    return EXIT.done;
  },
};

function completed(command: Command): Completed {
  const options = [...command.options, ...commonOptions(command)].map(({ flags, text }) => {
    const [flag = "", value] = flags.split(" ");
    return { flag, value: value?.replace(/[<>[\]]/g, "") ?? null, text };
  });
  const { name, summary, argument } = command;
  return { name, summary, options, words: argument?.choices ?? [] };
}
