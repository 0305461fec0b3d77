import { ArchiverError } from "./errors.ts";
import type { Clock } from "./ports.ts";

/** Does `work` under a signal that aborts after `ms` of the clock. */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [late, done] = [new AbortController(), new AbortController()];
  const waited = Promise.allSettled([clock.sleep(ms, done.signal)]);
  const text = `not done within ${ms} ms`;
  void waited.then(() => late.abort(new ArchiverError("interrupted", text)));
  try {
    return await work(late.signal);
  } finally {
    done.abort(new ArchiverError("interrupted", "it is done"));
  }
}
