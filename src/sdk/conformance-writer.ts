import { CHAIN_BYTES, madeBatch, madeManifest } from "./conformance-batches.ts";
import { never } from "./conformance-case.ts";
import type { Sink } from "./sink.ts";

/**
 * A writer in a process of its own. Arguments: the sink's module, the address, a mode, a number.
 * `race <seed>`: on a line on stdin it publishes one batch of start 0 with that seed and prints the
 * outcome. `chain <partition>`: publishes and describes batch after batch from the first that is
 * not whole, printing the start of each one acknowledged, until it is killed.
 */
const [, , module = "", address = "", mode = "", number = "0"] = process.argv;
const loaded = (await import(module)) as { openSink(address: string): Promise<Sink> };
const sink = await loaded.openSink(address);

const MAX_CHAIN = 100_000n;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

if (mode === "race") {
  say("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const batch = madeBatch({ partition: 0, start: 0n, seed: Number(number), size: 500_000 });
  const published = await sink.publish(batch, never);
  const there = published.outcome === "different" ? published.state : undefined;
  const digest =
    there?.is === "data" ? there.description.seal.digest : batch.description.seal.digest;
  say(JSON.stringify({ outcome: published.outcome, is: there?.is, digest }));
  process.exit(0);
}

const partition = Number(number);
let previous = await sink.floor(
  { ...madeBatch({ partition, start: 0n }).description },
  MAX_CHAIN,
  never,
);
say("ready");
for (let start = previous?.end ?? 0n; start < MAX_CHAIN; start += 10n) {
  const seed = Number(start) + 1;
  const batch = madeBatch({ partition, start, seed, size: CHAIN_BYTES });
  const manifest = madeManifest(batch.description, previous);
  const outcomes = [await sink.publish(batch, never), await sink.describe(manifest, never)];
  if (outcomes.some((o) => o.outcome === "different")) throw new Error(`different at ${start}`);
  previous = manifest;
  say(String(start));
}
