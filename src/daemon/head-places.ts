import { setTimeout } from "node:timers/promises";
import { ArchiverError } from "../core/errors.ts";
import { headKey } from "../core/head.ts";
import type { Clock } from "../core/ports.ts";
import type { KafkaClient } from "../kafka/client/kafka-client.ts";
import { produce } from "../kafka/requests/produce.ts";
import { TopicCatalogue } from "../kafka/topics.ts";
import { encodeRecordBatch } from "../record-batch/writer.ts";
import type { Sink } from "../sdk/sink.ts";
import { type HeadPlace, headPath, type SignedHead } from "./heads.ts";

const PRODUCE_TIMEOUT_MS = 30_000;
/** A topic that was just created has no leader for a moment. */
const LEADER = { tries: 20, everyMs: 100 };

/** Records in partition 0; the key is the chain, so that a compacted topic keeps its newest head. */
export function topicOfHeads(client: KafkaClient, topic: string, clock: Clock): HeadPlace {
  const catalogue = new TopicCatalogue(client, [topic]);
  return {
    publish: async (heads, signal) => {
      const leader = await leaderOf(catalogue, topic, signal);
      const timestamp = BigInt(Math.floor(clock.wall()));
      const records = heads.map((head, i) => recordOf(head, BigInt(i), timestamp));
      const recordBatch = encodeRecordBatch({ baseOffset: 0n, records });
      const batch = { topic, partition: 0, transactionalId: null, recordBatch };
      await client.send(leader, produce({ ...batch, timeoutMs: PRODUCE_TIMEOUT_MS }), signal);
    },
  };
}

const recordOf = ({ archiveId, scope, line }: SignedHead, offset: bigint, timestamp: bigint) => ({
  offset,
  timestamp,
  key: Buffer.from(headKey(archiveId, scope)),
  value: Buffer.from(line),
  headers: [],
});

async function leaderOf(
  catalogue: TopicCatalogue,
  topic: string,
  signal: AbortSignal,
): Promise<number> {
  for (let tries = 1; tries <= LEADER.tries; tries += 1) {
    await catalogue.refresh(signal, true);
    const led = catalogue.led(topic, 0);
    if (led !== undefined) return led.leader;
    await setTimeout(LEADER.everyMs, undefined, { signal });
  }
  throw new ArchiverError("kafka-unreachable", `topic ${topic} of heads has no leader`);
}

/** @throws ArchiverError `config-invalid` when such a sink keeps no documents */
export function sinkOfHeads(name: string, { documents }: Sink): HeadPlace {
  if (documents === undefined) {
    const text = `heads.sink: sink ${name} keeps batches only; heads need a sink of files`;
    throw new ArchiverError("config-invalid", text);
  }
  return {
    publish: async (heads, signal) => {
      for (const { scope, end, line } of heads)
        await documents.create(headPath(scope, end), Buffer.from(line), signal);
    },
  };
}
