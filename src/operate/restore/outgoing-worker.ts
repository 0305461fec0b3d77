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

/** Of what Node cuts small buffers from. */
const SHARED_BYTES = Buffer.poolSize;

const port = parentPort;
assert(port !== null, "this runs as a worker thread");
const options = workerData as OutgoingOptions;

port.on("message", (job: OutgoingJob) => void answer(job));

async function answer({ id, items }: OutgoingJob): Promise<void> {
  try {
    const outgoing = await outgoingOf(items, options);
    const batches = outgoing.batches.map(({ bytes, records }) => ({
      bytes: transferable(bytes),
      records,
    }));
    // Record batches that were archived as they are view one content: it goes as a whole, with all of them.
    const transfer = [...new Set(batches.map(({ bytes }) => bytes.buffer))];
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

/** Small buffers lie in memory that Node shares among them: a copy can be handed over. */
const transferable = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer.byteLength === SHARED_BYTES || !(bytes.buffer instanceof ArrayBuffer)
    ? new Uint8Array(bytes)
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
