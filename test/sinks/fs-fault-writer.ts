import { madeBatch, madeManifest } from "../../src/sdk/conformance-batches.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { openSink } from "./fs-place.ts";

/**
 * Publishes and describes one batch in each of `count` partitions, trying again after every error,
 * while something outside makes its system calls fail. Prints one JSON line: error codes counted.
 * Arguments: address, count, tries of one call.
 */
const [, , address = "", count = "1", tries = "20"] = process.argv;
const never = new AbortController().signal;
const sink = await openSink(address);
const codes: Record<string, number> = {};
let text = "";

async function insist(run: () => Promise<{ outcome: string }>): Promise<void> {
  for (let i = 0; i < Number(tries); i++) {
    try {
      const { outcome } = await run();
      if (outcome === "different") throw new Error("answered different");
      return;
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      codes[error.code] = (codes[error.code] ?? 0) + 1;
      text = error.message;
    }
  }
  codes["gave-up"] = (codes["gave-up"] ?? 0) + 1;
}

for (let partition = 0; partition < Number(count); partition++) {
  const batch = madeBatch({ partition, start: 0n, seed: partition + 1, size: 200_000 });
  await insist(() => sink.publish(batch, never));
  if (codes["gave-up"] !== undefined) break;
  await insist(() => sink.describe(madeManifest(batch.description), never));
}
process.stdout.write(`${JSON.stringify({ codes, text })}\n`);
