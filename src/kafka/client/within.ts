/** Thrown when an answer did not come in time; `what` names the request. */
class TimedOut extends Error {
  readonly what: string;

  constructor(what: string, limitMs: number) {
    super(`${what}: no answer within ${Math.round(limitMs)} ms`);
    this.name = "TimedOut";
    this.what = what;
  }
}

/**
 * The outcome of `work`, or a rejection when it takes too long or the signal aborts. The work itself
 * cannot be taken back: its outcome is dropped when it comes.
 */
export function within<T>(
  work: Promise<T>,
  limitMs: number,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new TimedOut(what, limitMs));
    const timer = Number.isFinite(limitMs) ? setTimeout(late, limitMs) : undefined;
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    });
  });
}
