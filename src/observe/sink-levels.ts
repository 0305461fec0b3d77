import type { LivePartition, LiveSink } from "./live-report.ts";
import type { PartitionStatus } from "./status-report.ts";

/** How the sinks are, by what the partitions say of them: the connection alone may be well. */
export const withPartitions = (
  sinks: readonly LiveSink[],
  all: readonly LivePartition[],
  own: readonly PartitionStatus[],
): LiveSink[] => sinks.map((s) => withConflicts(withLacking(s, all), own));

/** A sink that answers and was gone without is being filled: it has not what the others have. */
function withLacking(sink: LiveSink, partitions: readonly LivePartition[]): LiveSink {
  const lacking = partitions.filter((p) => p.lacks.includes(sink.name)).length;
  return { ...sink, lacking, level: sink.level === "ok" && lacking > 0 ? "work" : sink.level };
}

/** A sink that answers, and whose content stopped partitions, waits for a person. */
function withConflicts(sink: LiveSink, partitions: readonly PartitionStatus[]): LiveSink {
  const conflicts = partitions.filter((p) => p.conflictIn === sink.name).length;
  if (conflicts === 0) return sink;
  const first = sink.primary
    ? `Find out what is wrong with \`verify --deep --sink ${sink.name}\``
    : "Find out which copy is right with `verify --across-sinks`, then `reconcile`";
  const todo = `${first}; the stopped partitions have the commands.`;
  return {
    ...sink,
    conflicts,
    level: "human",
    todo: sink.todo === null ? todo : `${todo} ${sink.todo}`,
  };
}
