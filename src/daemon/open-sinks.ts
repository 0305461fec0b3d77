import { ArchiverError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports.ts";
import { decorate, type DecoratedSink, type DecorateOptions } from "../deliver/decorate.ts";
import type { HealthView } from "../deliver/health.ts";
import type { SinkEvent } from "../deliver/instrument.ts";
import type { ArchiveIdentity, Sink, SinkPlugin } from "../sdk/sink.ts";

/** One sink of the configuration, its part already checked by its plugin's schema. */
export interface SinkSettings {
  readonly name: string;
  readonly kind: string;
  readonly plugin: SinkPlugin;
  readonly config: unknown;
  readonly limits: Pick<DecorateOptions, "limit" | "tryTimeoutMs">;
}

export interface OpenedSink extends DecoratedSink {
  readonly kind: string;
}

export interface OpenSinksPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly baseDir: string;
  /** Of a source topic, as the catalogue knows it. */
  readonly partitionCount: (topic: string) => number | undefined;
  readonly onEvent: (event: SinkEvent) => void;
  readonly onHealth: (name: string, health: HealthView) => void;
}

/** Opens every sink with its decorators; the primary is the first that creates atomically. */
export async function openSinks(
  settings: readonly SinkSettings[],
  ports: OpenSinksPorts,
  signal: AbortSignal,
): Promise<OpenedSink[]> {
  const opened: OpenedSink[] = [];
  for (const s of settings) {
    const { clock, random, onEvent, onHealth, baseDir, partitionCount } = ports;
    const host = { name: s.name, baseDir, partitionCount };
    const plain: Sink = await s.plugin.open(s.config, host, signal);
    const decorated = decorate(
      plain,
      { name: s.name, ...s.limits },
      { clock, random, onEvent, onHealth },
    );
    opened.push({ ...decorated, kind: s.kind });
  }
  const atomic = opened.filter((o) => o.sink.capabilities.createOnly === "atomic");
  const first =
    atomic.find((o) => o.sink.capabilities.primary !== "when-alone") ??
    (opened.length === 1 ? atomic[0] : undefined);
  if (first === undefined) {
    throw new ArchiverError(
      "config-invalid",
      `none of the sinks ${opened.map((o) => o.name).join(", ")} can be the primary: that creates atomically, and elasticsearch only when it is alone`,
    );
  }
  return [first, ...opened.filter((o) => o !== first)];
}

/**
 * Marks every sink as part of one archive, or finds that it belongs to another (rule 13).
 * Answers the archive's id and a warning per sink that another group also writes to.
 */
export async function claimArchive(
  sinks: readonly OpenedSink[],
  wanted: Omit<ArchiveIdentity, "archiveId">,
  freshId: string,
  signal: AbortSignal,
): Promise<{ archiveId: string; warnings: string[] }> {
  const warnings: string[] = [];
  let archiveId: string | null = null;
  for (const { name, sink } of sinks) {
    const there = await sink.claim({ ...wanted, archiveId: archiveId ?? freshId }, signal);
    archiveId ??= there.archiveId;
    const wrong = foreign(there, { ...wanted, archiveId });
    if (wrong !== null) throw new ArchiverError("archive-foreign", `sink ${name}: ${wrong}`);
    if (there.group !== wanted.group) {
      warnings.push(
        `sink ${name} was claimed by group ${there.group}; ${wanted.group} converges on the same batches`,
      );
    }
  }
  if (archiveId === null) throw new ArchiverError("config-invalid", "no sink is configured");
  return { archiveId, warnings };
}

function foreign(there: ArchiveIdentity, wanted: ArchiveIdentity): string | null {
  for (const field of ["archiveId", "clusterId", "primary"] as const) {
    if (there[field] !== wanted[field]) {
      return `archive.json says ${field} ${there[field]}, this configuration has ${wanted[field]}`;
    }
  }
  return null;
}
