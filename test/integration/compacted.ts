import { setTimeout as sleep } from "node:timers/promises";
import { readTopic } from "../audit/topic-side.ts";

/** A topic with these is cleaned as soon as the cleaner looks. */
export const COMPACTED = {
  "cleanup.policy": "compact",
  "segment.ms": "500",
  "min.cleanable.dirty.ratio": "0.001",
};

interface Topic {
  readonly bootstrap: string;
  readonly topic: string;
}

export async function visible(at: Topic): Promise<number> {
  let count = 0;
  for await (const _ of readTopic(at)) count += 1;
  return count;
}

/**
 * The segment in use is never cleaned: new ones are begun until fewer than `before` records are left, and
 * then the cleaner has to come to rest, so that everyone who compares sees the same topic.
 * @param roll writes one record
 */
export async function cleaned(
  at: Topic,
  before: number,
  roll: (n: number) => Promise<unknown>,
): Promise<void> {
  for (let tries = 0; tries < 60; tries += 1) {
    await sleep(600);
    await roll(tries);
    if ((await visible(at)) < before) break;
  }
  for (let last = -1, tries = 0; tries < 20; tries += 1) {
    const now = await visible(at);
    if (now === last && now < before) return;
    last = now;
    await sleep(800);
  }
  throw new Error(`${at.topic} was not cleaned: ${await visible(at)} records are there`);
}
