import { getEventListeners } from "node:events";

/**
 * Node keeps a composite signal with listeners until one of its signals aborts. Those of a process that died
 * never do, and each would keep its whole world: after the work nobody listens any more.
 */
export async function withoutLeftoverSignals<T>(work: () => Promise<T>): Promise<T> {
  const made: AbortSignal[] = [];
  const any = Reflect.get(AbortSignal, "any") as (of: AbortSignal[]) => AbortSignal;
  AbortSignal.any = (signals) => {
    const signal = any.call(AbortSignal, signals);
    made.push(signal);
    return signal;
  };
  try {
    return await work();
  } finally {
    AbortSignal.any = any;
    for (const signal of made) {
      for (const listener of getEventListeners(signal, "abort")) {
        signal.removeEventListener("abort", listener as () => void);
      }
    }
  }
}
