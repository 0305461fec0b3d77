import { resolve } from "node:path";
import { z } from "zod";
import { durationMs } from "../../src/sdk/duration.ts";
import type { Finding, Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";
import { BlobSink } from "../blob/blob-sink.ts";
import { FsStore } from "./fs-store.ts";

const fsSchema = z.strictObject({
  /** Folder of the archive, relative to the configuration file. Its parent has to be there. */
  path: z.string().min(1).max(4096),
  /**
   * Off: a power failure can lose batches that were committed. For tests and throw-away archives.
   */
  fsync: z.boolean().default(true),
  /** Age from which leftovers of crashed writers in `tmp/` are removed at start. */
  tmpMaxAge: durationMs.prefault("24h"),
});

export type FsConfig = z.output<typeof fsSchema>;

/** A folder on a local or shared file system (NFS, CephFS) that has hard links. */
export const fsPlugin: SinkPlugin<FsConfig> = {
  kind: "fs",
  sdk: 1,
  schema: fsSchema,
  where: ({ path }: FsConfig, baseDir: string) => resolve(baseDir, path),
  open: (config: FsConfig, host: Host, _signal: AbortSignal): Promise<Sink> =>
    Promise.resolve(openFs(config, host)),
};

function openFs(config: FsConfig, host: Host): Sink {
  const base = resolve(host.baseDir, config.path);
  return new BlobSink({
    store: new FsStore({ base, fsync: config.fsync }),
    capabilities: {
      accepts: "sealed",
      createOnly: "atomic",
      setAside: true,
      remove: true,
      backfill: "anywhere",
      evidence: "read-back",
      maxBatchBytes: 2 ** 31 - 1,
    },
    tmpMaxAgeMs: config.tmpMaxAge,
    findings: () => Promise.resolve(config.fsync ? [] : [NO_FSYNC]),
  });
}

const NO_FSYNC: Finding = {
  level: "warning",
  code: "fs-no-fsync",
  text: "fsync is off: a power failure can lose batches whose offsets were committed",
};
