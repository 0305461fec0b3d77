import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { ArchiverError } from "../core/errors.ts";
import type { CutData } from "./content.ts";
import type { Seed } from "./keys.ts";
import type { SealRecipe } from "./recipe.ts";
import { seal, type SealedFile } from "./seal.ts";

/** One job to a worker, and its answer. */
export interface Job {
  readonly id: number;
  readonly cut: CutData;
  readonly recipe: SealRecipe;
  /**
   * Where the sealed file goes when it fits: large memory is dear to allocate anew for every batch, and
   * shared memory lives until every thread has collected it. Null for small files.
   */
  readonly into: SharedArrayBuffer | null;
}

export type Answer =
  | { readonly id: number; readonly sealed: SealedFile }
  | { readonly id: number; readonly error: { code: string; message: string } };

const port = parentPort;
assert(port !== null, "the sealing worker runs as a worker thread");
const { seeds } = workerData as { seeds: readonly { keyId: string; secret: Uint8Array }[] };
const keys: Seed[] = seeds.map((s) => ({ keyId: s.keyId, secret: Buffer.from(s.secret) }));

port.on("message", ({ id, cut, recipe, into }: Job) => {
  try {
    const room = (bytes: number): Uint8Array =>
      into !== null && bytes <= into.byteLength
        ? new Uint8Array(into, 0, bytes)
        : new Uint8Array(bytes);
    const sealed = seal(cut, recipe, keys, room);
    const { buffer } = sealed.bytes;
    const handOver = buffer instanceof ArrayBuffer ? [buffer] : [];
    port.postMessage({ id, sealed } satisfies Answer, handOver);
  } catch (error) {
    const code = error instanceof ArchiverError ? error.code : "assertion-failed";
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id, error: { code, message } } satisfies Answer);
  }
});
