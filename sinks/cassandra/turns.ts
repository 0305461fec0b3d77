/** Lets one at a time do something by one name, in the order they came. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  async within<T>(name: string, run: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const last = before.then(() => ended);
    this.#last.set(name, last);
    try {
      await untilAborted(before, signal);
      return await run();
    } finally {
      end();
      if (this.#last.get(name) === last) this.#last.delete(name);
    }
  }
}

/** What `awaited` comes to, or the signal's reason when it aborts first. */
export async function untilAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([awaited, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}
