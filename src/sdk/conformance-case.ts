import type { ConformanceCase, ConformancePlace, ConformanceTarget } from "./conformance.ts";
import { IDENTITY } from "./conformance-batches.ts";
import type { Sink } from "./sink.ts";

export const never: AbortSignal = new AbortController().signal;

/** A case on a claimed, empty place; `open` gives further instances, all closed at the end. */
export function onPlace(
  name: string,
  body: (on: {
    place: ConformancePlace;
    sink: Sink;
    open: () => Promise<Sink>;
    target: ConformanceTarget;
  }) => Promise<void>,
  timeoutMs = 20_000,
): ConformanceCase {
  const run = async (target: ConformanceTarget): Promise<void> => {
    const place = await target.place();
    const opened: Sink[] = [];
    const open = async (): Promise<Sink> => {
      const sink = await place.open();
      opened.push(sink);
      return sink;
    };
    try {
      const sink = await open();
      await sink.claim(IDENTITY, never);
      await body({ place, sink, open, target });
    } finally {
      for (const sink of opened) await sink.close();
      await place.dispose();
    }
  };
  return { name, timeoutMs, run };
}

export async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
