import { commonOptions } from "../operate/cli.ts";
import type { Command } from "../operate/command.ts";
import { cell, GENERATED, rows } from "./markdown.ts";

/** docs/cli.md */
export function cliPage(commands: readonly Command[]): string {
  const list = commands.map((c) => [`[\`${c.name}\`](#${c.name})`, cell(c.summary)]);
  return `# Command line

${GENERATED}

\`bulk-archiver COMMAND [options]\`; from a checkout: \`node src/main.ts COMMAND [options]\`.

${rows(["command", "does"], list)}

What was asked for goes to stdout; the log, progress, remarks and errors go to stderr. Errors are
\`bulk-archiver: …\` and a line \`next: …\` with what to do; [errors.md](errors.md) lists them. With \`--json\`
stdout holds one document, offsets as integer literals of up to 64 bits; a command that fails before it
printed anything prints [schema/error.schema.json](schema/error.schema.json).

## Exit codes

${rows(
  ["code", "means"],
  [
    ["0", "done"],
    ["1", "unexpected failure"],
    ["2", "usage or configuration; nothing in scope; a daemon refuses what it is asked to do"],
    ["3", "verification found a difference"],
    ["4", "a needed service is unreachable"],
    ["130", "interrupted by a signal (`run` drains and exits 0; a second signal ends it at once)"],
  ],
)}

${commands.map(section).join("\n\n")}
`;
}

function section(command: Command): string {
  const options = [...command.options, ...commonOptions(command)].map((o) => {
    const notes = [
      ...(o.repeat === true ? ["may be repeated"] : []),
      ...(o.required === true ? ["required"] : []),
    ];
    return [
      `\`${o.flags.replaceAll("|", "\\|")}\``,
      cell(o.text + (notes.length === 0 ? "" : ` (${notes.join(", ")})`)),
    ];
  });
  const parts = [
    `## ${command.name}`,
    `${sentence(command.summary)}${command.details === undefined ? "" : ` ${command.details}`}`,
  ];
  if (command.argument !== undefined) {
    const { name, choices } = command.argument;
    parts.push(`\`${name}\` is one of ${choices.map((c) => `\`${c}\``).join(", ")}.`);
  }
  parts.push(rows(["option", "meaning"], options));
  if (command.schema !== null)
    parts.push(`\`--json\`: [schema/${command.schema}](schema/${command.schema}).`);
  parts.push(`\`\`\`sh\n${command.examples.join("\n")}\n\`\`\``);
  return parts.join("\n\n");
}

const sentence = (text: string): string => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}.`;
