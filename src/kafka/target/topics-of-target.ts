import { createPartitions, createTopic } from "../requests/create-topics.ts";
import { SinkError } from "../../sdk/sink-error.ts";
import { isKafkaError } from "./kafka-answers.ts";
import type { TargetCluster } from "./target-cluster.ts";

const TIMEOUT_MS = 20_000;
/** Another process may make the same topic, and every broker has to hear of it. */
const MAX_LOOKS = 200;
const LOOK_MS = 50;

export interface WantedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** Makes the topic, or gives it more partitions, when it has too few; resolves when all are led. */
export async function ensureTopic(
  target: TargetCluster,
  wanted: WantedTopic,
  signal: AbortSignal,
): Promise<void> {
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    const known = target.known(wanted.topic);
    if (known !== undefined && isReady(known.partitions, wanted)) return;
    const found = await target.topic(wanted.topic, signal);
    const options = { timeoutMs: TIMEOUT_MS, validateOnly: false };
    if (found === undefined) {
      const { error } = await target.sendToAny(createTopic(wanted, options), signal);
      if (error !== undefined && !isKafkaError(error, "TOPIC_ALREADY_EXISTS")) throw error;
    } else if (found.partitions.length < wanted.partitions) {
      const request = createPartitions(wanted.topic, wanted.partitions, options);
      const { error } = await target.sendToAny(request, signal);
      // Another process may have given it as many, or more.
      if (error !== undefined && !isKafkaError(error, "INVALID_PARTITIONS")) throw error;
    } else if (isReady(found.partitions, wanted)) return;
    await sleep(LOOK_MS, signal);
  }
  const text = `topic ${wanted.topic} of the target has no leaders for its partitions yet`;
  throw new SinkError("sink-transient", text);
}

const isReady = (
  partitions: readonly { readonly leader: number }[],
  { partitions: count }: WantedTopic,
): boolean => partitions.length >= count && partitions.every((p) => p.leader >= 0);

/** Rejects with the signal's reason when it aborts first. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}
