import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../core/assert.ts";
import { ArchiverError } from "../../core/errors.ts";
import {
  type Outgoing,
  type OutgoingOptions,
  outgoingOf,
  type StoredBatch,
} from "./outgoing-records.ts";

/** One job to a worker, and its answer. */
export interface OutgoingJob {
  readonly id: number;
  readonly items: readonly StoredBatch[];
}

export type OutgoingAnswer =
  | { readonly id: number; readonly outgoing: Outgoing }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };

const port = parentPort;
assert(port !== null, "this runs as a worker thread");
const options = workerData as OutgoingOptions;

port.on("message", (job: OutgoingJob) => void answer(job));

async function answer({ id, items }: OutgoingJob): Promise<void> {
  try {
    const outgoing = await outgoingOf(items, options);
    // Record batches that were archived as they are view one file's content: they are copied apart.
    const batches = outgoing.batches.map(({ bytes, records }) => ({
      bytes: new Uint8Array(bytes),
      records,
    }));
    const transfer = batches.map(({ bytes }) => bytes.buffer);
    port?.postMessage(
      { id, outgoing: { ...outgoing, batches } } satisfies OutgoingAnswer,
      transfer,
    );
  } catch (error) {
    const code = error instanceof ArchiverError ? error.code : "assertion-failed";
    const message = error instanceof Error ? error.message : String(error);
    port?.postMessage({ id, error: { code, message } } satisfies OutgoingAnswer);
  }
}
