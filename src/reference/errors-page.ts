import { ERRORS } from "../core/errors.ts";
import { GENERATED } from "./markdown.ts";

const CLASSES = {
  transient: "passes by itself: it is tried again",
  permanent: "trying again does not help",
  conflict: "something is not what it should be: nothing was changed, somebody has to look",
  operator: "waits for an operator",
  bug: "a fault of the program",
} as const;

/** docs/errors.md */
export function errorsPage(): string {
  const sections = Object.entries(ERRORS).map(([code, { class: cls, exit, next }]) =>
    [
      `## ${code}`,
      "",
      `Class \`${cls}\` (${CLASSES[cls]}); as the end of a command: exit code ${exit}.`,
      "",
      `To do: ${next}`,
    ].join("\n"),
  );
  return `# Errors

${GENERATED}

Codes are stable: they are in the log (\`code\`), in \`bulk_archiver_errors_total\`, in \`/api/status\` and in
what \`--json\` prints when a command fails.

${sections.join("\n\n")}
`;
}
