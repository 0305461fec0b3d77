import type { Host, Sink } from "../../src/sdk/sink.ts";
import { BlobSink } from "../blob/blob-sink.ts";
import { S3Bucket } from "./s3-bucket.ts";
import { s3Findings } from "./s3-check.ts";
import { openClient } from "./s3-client.ts";
import { S3Objects } from "./s3-objects.ts";
import { CreateOnlyProof } from "./s3-probe.ts";
import type { S3Config } from "./s3-schema.ts";
import { S3Store } from "./s3-store.ts";

/**
 * Opening asks the store nothing: which sink is the primary must not depend on whether a store
 * answers at this moment. So the capability follows from the configuration alone, and the store has
 * to prove it before the first write.
 */
export function openS3(config: S3Config, host: Host): Sink {
  const { bucket: name, prefix, createOnly, primaryByOldestVersion } = config;
  const bucket = new S3Bucket(openClient(config, host.baseDir), name, prefix);
  const objects = new S3Objects(bucket, config);
  const proof = new CreateOnlyProof(createOnly, bucket, objects);
  const versions = createOnly === "oldest-version";
  const store = new S3Store({ bucket, objects, proof, createOnly });
  const replaces = (signal: AbortSignal): ReturnType<typeof store.honoursIfMatch> =>
    store.honoursIfMatch(signal);
  return new BlobSink({
    store,
    capabilities: {
      accepts: "sealed",
      createOnly: createOnly === "atomic" || primaryByOldestVersion ? "atomic" : "head-then-put",
      setAside: !versions,
      remove: !versions,
      backfill: "anywhere",
      evidence: "server-hash",
      maxBatchBytes: config.maxObjectSize,
    },
    tmpMaxAgeMs: config.tmpMaxAge,
    findings: (signal) => s3Findings({ bucket, proof, replaces, config }, signal),
  });
}
