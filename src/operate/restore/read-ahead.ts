import { ArchiverError } from "../../core/errors.ts";

/** Something that is being made. */
export interface Making<T> {
  readonly made: Promise<T>;
}

export interface ReadAhead<T> {
  /** Begins one after the other, in order; ends with the signal. */
  readonly begin: (signal: AbortSignal) => AsyncGenerator<Making<T>>;
  /** So many in the making beside the one that is taken. */
  readonly depth: number;
  /** For what was made and nobody took. */
  readonly letGo: (made: T) => void;
}

type Begun<T> = Promise<IteratorResult<Making<T>, unknown>>;

/**
 * Hands on in order what is made, while the next ones are in the making. What fails shows when its turn has
 * come, behind all that went before.
 */
export async function* readAhead<T>(o: ReadAhead<T>, signal: AbortSignal): AsyncGenerator<T> {
  const ended = new AbortController();
  const begun = o.begin(AbortSignal.any([signal, ended.signal]));
  const ahead: Begun<T>[] = [];
  const begin = (): void => {
    const next = begun.next();
    // It is looked at in its turn; until then its failure is nobody's.
    void Promise.allSettled([next.then((n) => (n.done === true ? undefined : n.value.made))]);
    ahead.push(next);
  };
  for (let i = 0; i < o.depth; i += 1) begin();
  try {
    for (;;) {
      const next = await ahead[0];
      if (next === undefined || next.done === true) return;
      const made = await next.value.made;
      void ahead.shift();
      begin();
      yield made;
    }
  } finally {
    ended.abort(new ArchiverError("interrupted", "nobody takes what is read ahead any more"));
    for (const next of ahead) void letGoOf(next, o.letGo);
    await begun.return(undefined);
  }
}

async function letGoOf<T>(begun: Begun<T>, letGo: (made: T) => void): Promise<void> {
  const [next] = await Promise.allSettled([begun]);
  if (next.status === "rejected") return;
  const { done, value } = next.value;
  if (done === true) return;
  const [made] = await Promise.allSettled([value.made]);
  if (made.status === "fulfilled") letGo(made.value);
}

/** What comes next, looked at before it is taken. */
export class Upcoming<T> {
  readonly #all: AsyncGenerator<T>;
  #next: Promise<IteratorResult<T, unknown>> | null = null;

  constructor(all: AsyncGenerator<T>) {
    this.#all = all;
  }

  /** Undefined behind the last. The same until it is taken, also when it is a failure. */
  async peek(): Promise<T | undefined> {
    if (this.#next === null) {
      this.#next = this.#all.next();
      void Promise.allSettled([this.#next]);
    }
    const next = await this.#next;
    return next.done === true ? undefined : next.value;
  }

  /** What `peek` resolved to is the caller's from now on. */
  take(): void {
    this.#next = null;
  }

  /** What was looked at and not taken is the caller's as well. */
  async close(): Promise<T | undefined> {
    const [last] = await Promise.allSettled([this.#next]);
    await this.#all.return(undefined);
    return last.status === "fulfilled" && last.value?.done === false ? last.value.value : undefined;
  }
}
