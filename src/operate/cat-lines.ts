import type { ArchivedRecord } from "../core/record.ts";
import type { Scope } from "../core/scope.ts";
import type { Sink } from "../sdk/sink.ts";
import type { ReadBatch } from "./archived-manifests.ts";
import { archivedRange } from "./archived-range.ts";
import { type Expired, WhollyExpired } from "./expired.ts";
import { batchesWith } from "./index/batches-with.ts";
import type { Say } from "./index/look-up.ts";
import type { Bound } from "./offset-bound.ts";

/** One write to the pipe is about this long; a single record may be longer. */
const CHUNK_CHARS = 64 << 10;

export interface CatOptions {
  readonly sink: Sink;
  /** Ascending by topic and partition: the order of the output. */
  readonly scopes: readonly Scope[];
  readonly from?: Bound | undefined;
  readonly to?: Bound | undefined;
  readonly read: ReadBatch;
  readonly say?: Say | undefined;
  /** A record as a line of docs/format.md, newline included. */
  readonly line: (scope: Scope, record: ArchivedRecord) => string;
  /** Only records with this key. */
  readonly key?: Uint8Array | undefined;
  /** What `sink` leaves out; said by `onExpired` where something else of the range is there. */
  readonly expired?: Expired | undefined;
  readonly onExpired?: ((text: string) => void) | undefined;
}

/** The records of a range as ndjson, in chunks of whole lines. */
export async function* catLines(options: CatOptions, signal: AbortSignal): AsyncGenerator<string> {
  let chunk = "";
  try {
    const gone = new WhollyExpired();
    for (const scope of options.scopes) {
      const { sink, key, say = () => undefined } = options;
      const mayHold = key === undefined ? undefined : batchesWith({ sink, scope, say }, key);
      const range = { ...options, scope, ...(mayHold === undefined ? {} : { mayHold }) };
      try {
        for await (const records of archivedRange(range, signal)) {
          for (const record of records) {
            if (key !== undefined && !isKey(record, key)) continue;
            chunk += options.line(scope, record);
            if (chunk.length < CHUNK_CHARS) continue;
            yield chunk;
            chunk = "";
          }
        }
        gone.kept();
      } catch (error) {
        gone.caught(error);
      }
    }
    gone.end(options.onExpired);
  } catch (error) {
    // Records before a gap or a damaged file are good: they come out before the error does.
    if (chunk !== "") yield chunk;
    throw error;
  }
  if (chunk !== "") yield chunk;
}

const isKey = ({ key }: ArchivedRecord, wanted: Uint8Array): boolean =>
  key !== null && Buffer.compare(key, wanted) === 0;
