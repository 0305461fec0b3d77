import { createInterface } from "node:readline/promises";
import { ArchiverError } from "../core/errors.ts";
import type { CommandContext } from "./command.ts";
import { type InitAnswers, STARTER_SINKS, type StarterSink } from "./init-starter.ts";

export interface AnswerParsers {
  readonly sinkKind: (text: string) => StarterSink;
  readonly formatOf: (text: string) => InitAnswers["format"];
}

/** So often a wrong answer is asked again. */
const MAX_TRIES = 5;

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== "");

/** Asks what no option has answered; Enter takes what stands in brackets. Questions go to stderr. */
export async function askForAnswers(
  defaults: InitAnswers,
  given: Partial<InitAnswers>,
  parse: AnswerParsers,
  { out, signal }: CommandContext,
): Promise<InitAnswers> {
  const lines = createInterface({ input: process.stdin, output: out.stderr });
  async function ask<T>(question: string, standard: string, read: (text: string) => T): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      const answer = (await lines.question(`${question} [${standard}]: `, { signal })).trim();
      try {
        return read(answer === "" ? standard : answer);
      } catch (error) {
        if (!(error instanceof ArchiverError) || tries === MAX_TRIES) throw error;
        out.note(error.message);
      }
    }
  }
  try {
    const kinds = STARTER_SINKS.join(", ");
    return {
      brokers: given.brokers ?? (await ask("Kafka brokers", defaults.brokers.join(","), words)),
      group: given.group ?? (await ask("Consumer group", defaults.group, (text) => text)),
      topics: given.topics ?? (await ask("Topics", defaults.topics.join(","), words)),
      sinks:
        given.sinks ??
        (await ask(`Sinks (${kinds})`, defaults.sinks.join(","), (text) =>
          words(text).map(parse.sinkKind),
        )),
      format:
        given.format ?? (await ask("Format (segment, ndjson)", defaults.format, parse.formatOf)),
      http:
        given.http === undefined
          ? await ask("Page and metrics at (or none)", defaults.http ?? "none", (text) =>
              text === "none" ? null : text,
            )
          : given.http,
    };
  } finally {
    lines.close();
  }
}
