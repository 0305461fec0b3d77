import { ArchiverError } from "../core/errors.ts";
import type { Scope } from "../core/scope.ts";
import type { Log } from "../kafka/client/options.ts";
import type { Fetcher } from "../kafka/fetcher.ts";
import type { Partitions } from "./partitions.ts";

/**
 * A position that Kafka does not have is never reset: the partition stops and says so (rule 14). The
 * refused fetch itself does not say where the log begins and ends, so that is asked first. Where it
 * cannot be had now nothing happens: the fetch is tried again, and asks again. Never rejects for that.
 */
export async function refuseOutOfRange(
  at: { readonly fetcher: Fetcher; readonly partitions: Partitions },
  scope: Scope,
  offset: bigint,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  try {
    const error = await outOfRange(at.fetcher, scope, offset, signal);
    if (error !== null) at.partitions.refuse(scope, offset, error);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ArchiverError)) throw error;
    log.warn({ error: error.message }, "the log's bounds could not be asked; again soon");
  }
}

/** Null: not to be had now, or the log has the position after all. */
async function outOfRange(
  fetcher: Fetcher,
  { topic, partition }: Scope,
  offset: bigint,
  signal: AbortSignal,
): Promise<ArchiverError | null> {
  const at = [{ topic, partition }];
  const [first] = await fetcher.offsets(at, "earliest", signal);
  const [last] = await fetcher.offsets(at, "latest", signal);
  if (first === undefined || last === undefined) return null;
  const where = `${topic}/${partition}: offset ${offset}`;
  if (offset > last.offset) {
    return new ArchiverError(
      "log-changed",
      `${where} is beyond the log's end ${last.offset}: the log was cut short (unclean election?)`,
    );
  }
  if (offset >= first.offset) return null;
  return new ArchiverError(
    "offset-out-of-range",
    `${where} is no longer in Kafka; the log begins at ${first.offset}. Nothing was reset`,
  );
}
