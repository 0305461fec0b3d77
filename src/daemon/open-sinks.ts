import { ArchiverError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports.ts";
import { decorate, type DecoratedSink, type DecorateOptions } from "../deliver/decorate.ts";
import type { HealthView } from "../deliver/health.ts";
import type { SinkEvent } from "../deliver/instrument.ts";
import type { Claim } from "../pipeline/ports.ts";
import type { ArchiveIdentity, Sink, SinkPlugin } from "../sdk/sink.ts";
import { primaryOf, unfillable } from "./primary.ts";

/** One sink of the configuration, its part already checked by its plugin's schema. */
export interface SinkSettings {
  readonly name: string;
  readonly kind: string;
  readonly plugin: SinkPlugin;
  readonly config: unknown;
  readonly limits: Pick<DecorateOptions, "limit" | "tryTimeoutMs">;
  readonly whenAway: { readonly detachMs: number | null };
  /** @default "wait" */
  readonly backfill?: "wait" | "auto";
}

export interface OpenedSink extends DecoratedSink {
  readonly kind: string;
  /** What it writes to, for people; null: its package does not say. */
  readonly where: string | null;
  /** After being away for so long the others go on without it; null: they wait. Null for the primary. */
  readonly detachMs: number | null;
  readonly mayBeAway: boolean;
  readonly fillsBeside: boolean;
  readonly claim: Claim & { readonly settle: (refusal: ArchiverError | null) => void };
}

export interface OpenSinksPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly baseDir: string;
  /** Of a source topic, as the catalogue knows it. */
  readonly partitionCount: (topic: string) => number | undefined;
  /** What the pipeline archives is. */
  readonly encrypted: boolean;
  readonly redact?: (text: string) => string;
  readonly onEvent: (event: SinkEvent) => void;
  readonly onHealth: (name: string, health: HealthView) => void;
}

/**
 * Opens every sink with its decorators; the primary, which comes first, is the first that creates atomically. What
 * was opened is closed again when something is refused. @throws ArchiverError config-invalid, SinkError
 */
export async function openSinks(
  settings: readonly SinkSettings[],
  ports: OpenSinksPorts,
  signal: AbortSignal,
): Promise<OpenedSink[]> {
  await using stack = new AsyncDisposableStack();
  const opened: OpenedSink[] = [];
  for (const s of settings) {
    const { clock, random, redact, onEvent, onHealth, baseDir, partitionCount } = ports;
    const host = { name: s.name, baseDir, partitionCount };
    const plain: Sink = await s.plugin.open(s.config, host, signal);
    stack.defer(() => plain.close());
    const decorated = decorate(
      plain,
      { name: s.name, ...s.limits },
      { clock, random, ...(redact === undefined ? {} : { redact }), onEvent, onHealth },
    );
    const { detachMs } = s.whenAway;
    const away = { detachMs, mayBeAway: detachMs !== null, fillsBeside: s.backfill === "auto" };
    const said = s.plugin.where?.(s.config, baseDir) ?? null;
    const where = said === null ? null : (redact?.(said) ?? said);
    opened.push({ ...decorated, kind: s.kind, where, ...away, claim: unclaimed() });
  }
  const first = primaryOf(opened);
  const primary: OpenedSink = { ...first, detachMs: null, mayBeAway: false, fillsBeside: false };
  const sinks = [primary, ...opened.filter((o) => o !== first)];
  const refusal = unfillable(primary, sinks, ports.encrypted);
  if (refusal !== null) throw new ArchiverError("config-invalid", refusal);
  stack.move();
  return sinks;
}

function unclaimed(): OpenedSink["claim"] {
  const { promise, resolve } = Promise.withResolvers<ArchiverError | null>();
  const claim = {
    done: false,
    outcome: promise,
    settle: (refusal: ArchiverError | null): void => {
      claim.done = refusal === null;
      resolve(refusal);
    },
  };
  return claim;
}

export interface ClaimPorts {
  readonly clock: Clock;
  /** An id for an archive that begins here. */
  readonly freshId: string;
  readonly warn: (code: "another-group" | "sink-away" | "archive-foreign", text: string) => void;
}

/**
 * Marks every sink as part of one archive, or finds that it belongs to another (rule 13), and answers the
 * archive's id. One that may be away is waited for as long as its configuration says, then claimed when
 * it is back; the signal ends that too.
 */
export async function claimArchive(
  sinks: readonly OpenedSink[],
  wanted: Omit<ArchiveIdentity, "archiveId">,
  ports: ClaimPorts,
  signal: AbortSignal,
): Promise<string> {
  const [primary, ...others] = sinks;
  if (primary === undefined) throw new ArchiverError("config-invalid", "no sink is configured");
  // The group that began the archive stands in every sink: `archive.json` is the same everywhere.
  const { archiveId, group } = await claimOne(primary, wanted, ports, signal);
  for (const o of others) {
    const claimed = claimOne(o, { ...wanted, archiveId, group }, ports, signal);
    const { detachMs, name } = o;
    if (detachMs === null) await claimed;
    else if (!(await withinMs(claimed, detachMs, ports.clock, signal))) {
      ports.warn("sink-away", `sink ${name} did not answer for ${detachMs} ms: begun without it`);
      claimed.catch((error: unknown) => {
        if (signal.aborted) return;
        ports.warn("archive-foreign", String(error));
        // Whoever waits to fill it has to hear of it: nobody else asks again.
        o.claim.settle(refusalOf(name, error));
      });
    }
  }
  return archiveId;
}

const refusalOf = (sink: string, error: unknown): ArchiverError =>
  error instanceof ArchiverError
    ? error
    : new ArchiverError("sink-permanent", `sink ${sink}: ${String(error)}`, { cause: error });

/** Without an archive id: of whatever archive is there, or of a new one. */
async function claimOne(
  { name, sink, claim }: OpenedSink,
  wanted: Omit<ArchiveIdentity, "archiveId"> & { readonly archiveId?: string },
  { warn, freshId }: ClaimPorts,
  signal: AbortSignal,
): Promise<ArchiveIdentity> {
  const there = await sink.claim({ archiveId: freshId, ...wanted }, signal);
  const wrong = foreign(there, { archiveId: there.archiveId, ...wanted });
  if (wrong !== null) {
    const refusal = new ArchiverError("archive-foreign", `sink ${name}: ${wrong}`);
    claim.settle(refusal);
    throw refusal;
  }
  if (there.group !== wanted.group) {
    const text = `sink ${name} was claimed by group ${there.group}; ${wanted.group} converges on the same batches`;
    warn("another-group", text);
  }
  claim.settle(null);
  return there;
}

/** False when the time is over first; rejects as the work does before. */
async function withinMs(
  work: Promise<unknown>,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  const late = clock.sleep(ms, AbortSignal.any([signal, over.signal])).then(
    () => false,
    (reason: unknown) => {
      if (over.signal.aborted) return false;
      throw reason;
    },
  );
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    over.abort(new ArchiverError("interrupted", "the wait is over"));
  }
}

function foreign(there: ArchiveIdentity, wanted: ArchiveIdentity): string | null {
  for (const field of ["archiveId", "clusterId", "primary"] as const) {
    if (there[field] !== wanted[field]) {
      return `archive.json says ${field} ${there[field]}, this configuration has ${wanted[field]}`;
    }
  }
  return null;
}
