import type { Fetcher } from "../kafka/fetcher.ts";
import type { LastRead } from "../batch/feed-options.ts";
import { diverging } from "../kafka/kafka-error.ts";
import type { EpochWant } from "../kafka/requests/offsets.ts";
import type { Partitions } from "./partitions.ts";

interface At {
  readonly partitions: Partitions;
  readonly fetcher: Pick<Fetcher, "offsets" | "epochEnds">;
}

/**
 * Of partitions that are not fetched now: where their logs end, and after an election whether they still
 * are what was read of them.
 */
export async function pollEnds({ partitions, fetcher }: At, signal: AbortSignal): Promise<void> {
  const waiting = [...partitions].filter((p) => p.feed.waitsForTurn() || p.endOffset === null);
  const asked = waiting.map(({ scope: { topic, partition } }) => ({ topic, partition }));
  if (asked.length === 0) return;
  const doubts: (EpochWant & LastRead & { readonly leaderEpoch: number })[] = [];
  for (const f of await fetcher.offsets(asked, "latest", signal)) {
    const { topic, partition, leaderEpoch } = f;
    partitions.sawEnd(topic, partition, f.offset);
    const doubt = partitions.at(topic, partition)?.feed.doubt(leaderEpoch) ?? null;
    if (doubt !== null) doubts.push({ topic, partition, leaderEpoch, ...doubt });
  }
  if (doubts.length === 0) return;
  const byName = new Map(doubts.map((d) => [`${d.topic}/${d.partition}`, d]));
  for (const log of await fetcher.epochEnds(doubts, signal)) {
    const d = byName.get(`${log.topic}/${log.partition}`);
    if (d === undefined) continue;
    // A log that knows no epochs says nothing.
    const isOther = log.epoch >= 0 && (log.epoch < d.epoch || log.endOffset < d.offset);
    const error = isOther ? diverging(d, d, log) : null;
    partitions.at(d.topic, d.partition)?.feed.compared(d.offset, d.leaderEpoch, error);
  }
}
