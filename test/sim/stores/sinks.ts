import type { Sink } from "../../../src/sdk/sink.ts";
import { BlobSink } from "../../../sinks/blob/blob-sink.ts";
import { RecordSink } from "./record-sink.ts";
import { storeView, type ViewPorts } from "./store-view.ts";

const TMP_MAX_AGE_MS = 3_600_000;

/** A store as one process has it: the product's own layout over a store of files, or a sink of records. */
export function sinkOf(p: ViewPorts): Sink {
  const { createOnly, form, hashes } = p.store.style;
  if (form !== "files") return new RecordSink(p);
  const removes = createOnly === "atomic";
  return new BlobSink({
    store: storeView(p),
    capabilities: {
      ...{ accepts: "sealed", createOnly, setAside: removes, remove: removes },
      ...{ backfill: "anywhere", evidence: hashes ? "server-hash" : "read-back" },
      maxBatchBytes: 1 << 30,
    },
    tmpMaxAgeMs: TMP_MAX_AGE_MS,
  });
}
