import type { Links } from "./links.ts";
import { headOf } from "./locate.ts";
import type { TaskPorts } from "./ports.ts";
import { isAttached, type Task } from "./state.ts";

/**
 * While idle: is the newest batch still whole in every sink (rule 7)? True: one of them lost it. Says
 * where the chain ends when it is.
 */
export async function lostBatch(
  ports: TaskPorts,
  links: Links,
  state: () => Task,
  signal: AbortSignal,
): Promise<boolean> {
  const t = state();
  const busy = t.slots.some((s) => s.ready || s.planned);
  if (t.phase !== "running" || !t.archived || busy) return false;
  for (const [i, named] of ports.sinks.entries()) {
    if (!isAttached(t, i)) continue;
    const head = await headOf(ports, named, links, signal);
    if (state().position !== t.position) return false;
    if (head === "empty" || head.head < t.position) return true;
  }
  const link = links.at(t.position);
  if (link !== undefined) ports.emit({ what: "head", end: t.position, link });
  return false;
}
