/**
 * Works on several items at once and gives the results in the items' order. At most `width` are begun and
 * not yet taken, so that what they hold in memory is bounded. The first failure ends it, after what was
 * begun has ended.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const begun: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // Awaited in its turn; until then a failure is no unhandled one.
      void Promise.allSettled([result]);
      begun.push(result);
      const [first] = begun;
      if (begun.length < width || first === undefined) continue;
      yield await first;
      void begun.shift();
    }
    for (let first = begun[0]; first !== undefined; first = begun[0]) {
      yield await first;
      void begun.shift();
    }
  } finally {
    await Promise.allSettled(begun);
  }
}

/** Several at once, the first failure ends it after what was begun has ended. */
export async function eachAtOnce<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  for await (const _ of inOrder(items, width, work));
}
