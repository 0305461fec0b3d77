import { ArchiverError, ERRORS } from "../core/errors.ts";

/** What a process says when it ends (docs/cli.md). */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  different: 3,
  unreachable: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** `interrupted`: a signal came, and the command does not end in order by itself. */
export function exitCodeOf(error: unknown, interrupted: boolean): ExitCode {
  if (interrupted) return EXIT.interrupted;
  if (!(error instanceof ArchiverError)) return EXIT.failed;
  return error.code === "interrupted" ? EXIT.interrupted : ERRORS[error.code].exit;
}
