import type { ChainHead } from "../core/plan-codec.ts";
import { sinkAt } from "./deliver-batch.ts";
import type { Effect, Event } from "./effect.ts";
import type { Links } from "./links.ts";
import { headOf } from "./locate.ts";
import { fillLowerBranches, lacksLowerBranches } from "./lower-branches.ts";
import type { TaskPorts } from "./ports.ts";

/**
 * Where a sink ends (rule 7), once it has all of the branches that ended. A sink that lacks what the chain had,
 * and is to be filled beside the others, is one that is away, unless the primary lacks it as well. One that is
 * recalled may not have been reached yet: nothing is asked of it before it is known to be this archive's.
 */
export async function askHead(
  ports: TaskPorts,
  { sink, recalled }: Extract<Effect, { do: "head" }>,
  { links, chain }: { readonly links: Links; readonly chain: ChainHead | null },
  signal: AbortSignal,
): Promise<Event> {
  const named = sinkAt(ports, sink);
  if (recalled) {
    const refusal = await named.claim.outcome;
    if (refusal !== null) throw refusal;
  }
  const head = await headOf(ports, named, links, signal);
  if (sink > 0 && named.fillsBeside === true && !recalled) {
    const lacks = chain !== null && (head === "empty" || head.head < chain.offset);
    if (lacks || (await lacksLowerBranches(ports, sink, links, signal)))
      return { of: "detach", sink };
  } else if (sink > 0) await fillLowerBranches(ports, sink, links, signal);
  return { of: "head", sink, head };
}
