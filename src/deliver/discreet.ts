import type { Sink } from "../sdk/sink.ts";
import { around } from "./around.ts";

/** An error is the cause of another no deeper than this. */
const MAX_CAUSES = 16;

/**
 * What a store says can hold what it was asked with: a gateway that shows the headers of a request in its
 * refusal shows credentials. The text of an error or finding goes to the log, the status, the page and reports,
 * so secrets are cut out of it where it comes in.
 */
export function discreet(sink: Sink, redact: (text: string) => string): Sink {
  const quiet = around(sink, {
    call: async (_op, _bytes, run, signal) => {
      try {
        return await run(signal);
      } catch (error) {
        throw withoutSecrets(error, redact);
      }
    },
    stream: async function* (_op, open, signal) {
      try {
        yield* open(signal);
      } catch (error) {
        throw withoutSecrets(error, redact);
      }
    },
  });
  return {
    ...quiet,
    check: async (signal) =>
      (await quiet.check(signal)).map((f) => ({ ...f, text: redact(f.text) })),
  };
}

/** The same error: what it is, and its identity, are looked at further on. */
function withoutSecrets(error: unknown, redact: (text: string) => string): unknown {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < MAX_CAUSES; depth += 1) {
    const clean = redact(at.message);
    if (clean !== at.message) {
      at.message = clean;
      at.stack = redact(at.stack ?? "");
    }
    at = at.cause;
  }
  return error;
}
