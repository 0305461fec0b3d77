import { madeBatch, madeChain, IDENTITY, scopeOf } from "../../src/sdk/conformance-batches.ts";
import { topicIdText, topicName } from "../../src/core/manifest-schema.ts";
import type { Sink } from "../../src/sdk/sink.ts";
import { must } from "./target.ts";

export type Call = (sink: Sink, signal: AbortSignal) => Promise<void>;

const chain = madeChain(0, 3);
const [first, second, third] = chain.map((c) => c.batch.description);
const scope = scopeOf(0);
/** A listing has this many; whoever gets more does not see that a store goes round. */
const MAX_LISTED = 20_000;

async function counted<T>(items: AsyncIterable<T>, look: (item: T) => void): Promise<void> {
  let n = 0;
  for await (const item of items) {
    n += 1;
    must(n < MAX_LISTED, "a listing ends");
    look(item);
  }
}

/** No way out of the folder where batches lie. */
const isInside = (path: string): boolean =>
  /^(?:data|manifests)\//.test(path) && !path.split("/").some((part) => /^\.{0,2}$/.test(part));

/** What a daemon and the commands ask of a sink; the first ones make what the others find. */
export const CALLS: Readonly<Record<string, Call>> = {
  claim: async (sink, signal) => void (await sink.claim(IDENTITY, signal)),
  publish: async (sink, signal) => {
    for (const { batch, manifest } of chain) {
      await sink.publish(batch, signal);
      await sink.describe(manifest, signal);
    }
  },
  "publish-again": async (sink, signal) => {
    await sink.publish(chain[0]?.batch ?? madeBatch({ partition: 0, start: 0n }), signal);
  },
  "publish-another": async (sink, signal) => {
    await sink.publish(madeBatch({ partition: 0, start: 0n, seed: 9, count: 7n }), signal);
  },
  check: async (sink, signal) => void (await sink.check(signal)),
  identity: async (sink, signal) => void (await sink.identity(signal)),
  "stat-cheap": async (sink, signal) => {
    if (first !== undefined) await sink.stat(first, "cheap", signal);
  },
  "stat-bytes": async (sink, signal) => {
    if (second !== undefined) await sink.stat(second, "bytes", signal);
  },
  floor: async (sink, signal) => {
    const found = await sink.floor(scope, 25n, signal);
    must(found === undefined || found.start <= 25n, "the floor lies below");
  },
  list: (sink, signal) =>
    counted(sink.list(scope, 0n, signal), ({ start, data, manifest }) => {
      must(start >= 0n, "an offset");
      must(data === undefined || isInside(data.path), `data at ${data?.path}`);
      must(manifest === undefined || isInside(manifest.path), `a manifest at ${manifest?.path}`);
    }),
  scopes: (sink, signal) =>
    counted(sink.scopes(signal), (s) => {
      must(topicName.safeParse(s.topic).success, `a topic named ${s.topic}`);
      must(topicIdText.safeParse(s.topicId).success, `a topic id ${s.topicId}`);
      must(Number.isSafeInteger(s.partition) && s.partition >= 0, "a partition");
      must(Number.isSafeInteger(s.branch) && s.branch >= 0, "a branch");
    }),
  manifest: async (sink, signal) => {
    if (first !== undefined) await sink.manifest(first, signal);
  },
  read: async (sink, signal) => {
    if (third === undefined || sink.readRecords !== undefined) return;
    let bytes = 0;
    await counted(sink.read(third, { from: 0 }, signal), (part) => (bytes += part.length));
    must(bytes <= third.seal.size, "no more than was asked for");
  },
  "read-records": async (sink, signal) => {
    if (first !== undefined && sink.readRecords !== undefined)
      await counted(sink.readRecords(first, signal), () => undefined);
  },
  amendments: async (sink, signal) => {
    if (first !== undefined) await sink.amendments?.(first, signal);
  },
};
