import type { Host, Sink, SinkPlugin } from "../../src/sdk/sink.ts";
import { type S3Config, s3Schema } from "./s3-schema.ts";

/** A bucket of AWS, Ceph, MinIO or another store that speaks S3. */
export const s3Plugin: SinkPlugin<S3Config> = {
  kind: "s3",
  sdk: 1,
  schema: s3Schema,
  where: ({ endpoint, region, bucket, prefix }: S3Config) => {
    const host = endpoint === undefined ? `AWS ${region}` : new URL(endpoint).host;
    return [host, bucket, ...(prefix === "" ? [] : [prefix])].join("/").replace(/\/+$/, "");
  },
  open: async (config: S3Config, host: Host, _signal: AbortSignal): Promise<Sink> => {
    // The SDK is loaded where such a sink is opened, not by every command.
    const { openS3 } = await import("./s3-open.ts");
    return openS3(config, host);
  },
};
