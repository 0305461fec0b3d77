import { writeSync } from "node:fs";
import { madeBatch } from "../../src/sdk/conformance-batches.ts";
import { openSink } from "./fs-place.ts";

/** Publishes `count` batches of one partition at once; says `ack <start>` as each is answered. */
const [, , address = "", count = "1"] = process.argv;
const never = new AbortController().signal;
const sink = await openSink(address);
const starts = Array.from({ length: Number(count) }, (_, i) => BigInt(i) * 10n);
await Promise.all(
  starts.map(async (start) => {
    await sink.publish(madeBatch({ partition: 0, start, seed: Number(start) + 1 }), never);
    // The call itself, not a stream: it stands in the trace where it happened.
    writeSync(1, `ack ${start}.\n`);
  }),
);
