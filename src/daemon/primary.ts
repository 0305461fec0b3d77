import { ArchiverError } from "../core/errors.ts";
import { holdsOf } from "../sdk/holds.ts";
import type { Sink } from "../sdk/sink.ts";

interface Named {
  readonly name: string;
  readonly sink: Pick<Sink, "capabilities">;
}

/** Of the sinks of one pipeline, in the order of the configuration: the first that decides; undefined: none can. */
export function primaryAmong<T extends Pick<Named, "sink">>(opened: readonly T[]): T | undefined {
  const atomic = opened.filter((o) => o.sink.capabilities.createOnly === "atomic");
  return (
    atomic.find((o) => o.sink.capabilities.primary !== "when-alone") ??
    (opened.length === 1 ? atomic[0] : undefined)
  );
}

/** The same. @throws ArchiverError config-invalid */
export function primaryOf<T extends Named>(opened: readonly T[]): T {
  const first = primaryAmong(opened);
  if (first !== undefined) return first;
  throw new ArchiverError(
    "config-invalid",
    `none of the sinks ${opened.map((o) => o.name).join(", ")} can be the primary: that creates atomically, and elasticsearch only when it is alone`,
  );
}

export interface LeavableSink extends Named {
  /** Null: it is waited for. */
  readonly detachMs: number | null;
  /** The others go on while it is filled. */
  readonly fillsBeside: boolean;
}

/**
 * Why a sink of files could be left behind for ever; null: none. A batch is settled without it, its plan goes, and
 * with the plan the salt: of a primary that keeps no files nobody makes the same encrypted file again. A sink of
 * files that is always waited for has them all.
 */
export function unfillable(
  primary: Named,
  sinks: readonly LeavableSink[],
  encrypted: boolean,
): string | null {
  if (!encrypted || holdsOf(primary.sink.capabilities) === "files") return null;
  const files = sinks.filter(({ sink }) => holdsOf(sink.capabilities) === "files");
  const left = files.filter((o) => o.detachMs !== null || o.fillsBeside);
  const [first] = left;
  if (first === undefined || left.length < files.length) return null;
  const { name, detachMs, fillsBeside } = first;
  const keys = [detachMs === null ? [] : "whenAway", fillsBeside ? "backfill: auto" : []].flat();
  const said = keys.join(" and ");
  return (
    `the others may go on without sink ${name} (${said}), and the primary, ${primary.name}, keeps no files: an encrypted ` +
    `file that ${name} lacks then can never be made again, because its salt is in no sink. Leave out ${said} of ` +
    `${name}, or put a sink of files first (in a new archive: of one that exists the primary stays)`
  );
}
