import { ArchiverError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import type { Log } from "../kafka/client/options.ts";

/** Work done every `ms` until the signal; what fails for a passing reason is told and done again. */
export async function repeat(
  ms: number,
  work: () => void | Promise<void>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(ms, signal);
      await work();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ArchiverError)) throw error;
      log.warn({ error: error.message, code: error.code }, "it is tried again");
    }
  }
}
