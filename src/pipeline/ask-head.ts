import type { ChainHead } from "../core/plan-codec.ts";
import { sinkAt } from "./deliver-batch.ts";
import type { Event } from "./effect.ts";
import type { Links } from "./links.ts";
import { headOf } from "./locate.ts";
import { fillLowerBranches, lacksLowerBranches } from "./lower-branches.ts";
import type { TaskPorts } from "./ports.ts";

/**
 * Where a sink ends (rule 7), once it has all of the branches that ended. A sink that lacks what the chain had,
 * and is to be filled beside the others, is one that is away.
 */
export async function askHead(
  ports: TaskPorts,
  sink: number,
  { links, chain }: { readonly links: Links; readonly chain: ChainHead | null },
  signal: AbortSignal,
): Promise<Event> {
  const named = sinkAt(ports, sink);
  const head = await headOf(ports, named, links, signal);
  if (sink > 0 && named.fillsBeside === true) {
    const lacks = chain !== null && (head === "empty" || head.head < chain.offset);
    if (lacks || (await lacksLowerBranches(ports, sink, links, signal)))
      return { of: "detach", sink };
  } else if (sink > 0) await fillLowerBranches(ports, sink, links, signal);
  return { of: "head", sink, head };
}
