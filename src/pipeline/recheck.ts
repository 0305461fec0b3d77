import type { Links } from "./links.ts";
import { headOf, readCommitted } from "./locate.ts";
import { sameCommitted } from "./apply.ts";
import type { TaskPorts } from "./ports.ts";
import { isAttached, type Task } from "./state.ts";

/** What of it is no longer so, or null. */
export const recheck = async (
  ports: TaskPorts,
  links: Links,
  state: () => Task,
  signal: AbortSignal,
): Promise<"lost-batch" | "set-back" | null> => {
  if (await lostBatch(ports, links, state, signal)) return "lost-batch";
  return (await isSetBack(ports, state, signal)) ? "set-back" : null;
};

/**
 * While idle: is the newest batch still whole in every sink (rule 7)? True: one of them lost it. Says
 * where the chain ends when it is.
 */
async function lostBatch(
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

/**
 * Whether the group has something else than this task committed last: a commit that arrived long after it was
 * given up and sent again went over a newer one. Nothing is lost by it, for whoever comes next finds what is
 * archived; until then the lag and the plans are wrong, so it is committed once more.
 */
async function isSetBack(
  ports: TaskPorts,
  state: () => Task,
  signal: AbortSignal,
): Promise<boolean> {
  const { phase, committed, sent } = state();
  if (phase !== "running" || committed === null || sent !== null) return false;
  const found = await readCommitted(ports, signal);
  // Whatever was committed meanwhile has set it right.
  if (state().committed !== committed || sameCommitted(found.committed, committed)) return false;
  const error = `the group has offset ${found.committed.offset}, ${committed.offset} was committed: a commit came late`;
  ports.emit({ what: "retry", effect: "commit", error });
  return true;
}
