import { ArchiverError } from "../core/errors.ts";

/** One thing wrong in a configuration file. Lines and columns begin at 1. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document: `sinks[0].path`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

const problemText = (p: ConfigProblem): string =>
  `${p.file}:${p.line}:${p.column}: ${p.path === "" ? "" : `${p.path}: `}${p.message}`;

/** Everything wrong at once, in the order of the file. */
export class ConfigError extends ArchiverError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
    super("config-invalid", sorted.map(problemText).join("\n"));
    this.name = "ConfigError";
    this.problems = sorted;
  }
}

export type Path = readonly PropertyKey[];

/** `sinks[0].path` */
export const pathText = (path: Path): string =>
  path
    .map((p, i) => (typeof p === "number" ? `[${p}]` : `${i === 0 ? "" : "."}${String(p)}`))
    .join("");
