import { IDENTITY } from "./conformance-batches.ts";
import type {
  ConformancePlace,
  ConformanceTarget,
  Fault,
  FaultySink,
} from "./conformance-target.ts";
import type { Sink } from "./sink.ts";

/** `not-asked`: the sink has no such capability, or its place no way to cause such trouble. */
export type Outcome = "held" | "not-asked";

export interface ConformanceCase {
  readonly name: string;
  /** What it may take on a slow machine. */
  readonly timeoutMs: number;
  /** Rejects with what did not hold. */
  run(target: ConformanceTarget): Promise<Outcome>;
}

export const never: AbortSignal = new AbortController().signal;

interface On {
  readonly place: ConformancePlace;
  readonly sink: Sink;
  readonly open: () => Promise<Sink>;
  readonly target: ConformanceTarget;
}

type Body<T> = (on: T) => Promise<Outcome | void>;

/** A case on a claimed, empty place; `open` gives further instances, all closed at the end. */
export function onPlace(name: string, body: Body<On>, timeoutMs = 20_000): ConformanceCase {
  const run = async (target: ConformanceTarget): Promise<Outcome> => {
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
      return (await body({ place, sink, open, target })) ?? "held";
    } finally {
      for (const sink of opened) await sink.close();
      await place.dispose();
    }
  };
  return { name, timeoutMs, run };
}

/** A case with one instance that is disturbed in these ways, beside the one that is not. */
export const onFaultyPlace = (
  name: string,
  faults: readonly Fault[],
  body: Body<On & { readonly faulty: FaultySink }>,
  timeoutMs = 30_000,
): ConformanceCase =>
  onPlace(
    name,
    async (on) => {
      const faulty = await on.place.openFaulty?.();
      if (faulty === undefined) return "not-asked";
      try {
        if (!faults.every((f) => faulty.faults?.has(f) ?? true)) return "not-asked";
        return await body({ ...on, faulty });
      } finally {
        await faulty.close();
      }
    },
    timeoutMs,
  );

export async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
