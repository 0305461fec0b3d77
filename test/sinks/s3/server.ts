import { randomBytes } from "node:crypto";
import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  PutBucketVersioningCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { CephServer } from "../../servers/ceph.ts";
import { type SharedServers, sharedServer } from "../../servers/shared-servers.ts";

/** What a test needs to know of an S3 server; the form of `TEST_S3`, in JSON. */
export type S3Server = SharedServers["s3"];

export interface OwnS3 {
  readonly server: S3Server;
  stop(): Promise<void>;
}

/** The run's server; without one a server of this file's own, which `stop` ends. */
export async function s3Server(): Promise<OwnS3> {
  const shared = await sharedServer("s3");
  if (shared !== undefined) return { server: shared, stop: () => Promise.resolve() };
  const ceph = await CephServer.start();
  return { server: { endpoint: ceph.endpoint, ...ceph.user }, stop: () => ceph.stop() };
}

/** The AWS SDK as it comes: a tool that knows nothing of the product. */
export function foreignClient(server: S3Server): S3Client {
  const { endpoint, accessKeyId, secretAccessKey, region = "us-east-1" } = server;
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

export type BucketKind = "plain" | "versioned" | "locked";

/** A new bucket under a name that no other test has. */
export async function newBucket(server: S3Server, kind: BucketKind = "plain"): Promise<string> {
  const client = foreignClient(server);
  const Bucket = `test-${kind}-${randomBytes(6).toString("hex")}`;
  const { region } = server;
  const where =
    region === undefined || region === "us-east-1"
      ? {}
      : {
          CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint },
        };
  const lock = kind === "locked" ? { ObjectLockEnabledForBucket: true } : {};
  await client.send(new CreateBucketCommand({ Bucket, ...where, ...lock }));
  if (kind === "versioned") {
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  }
  client.destroy();
  return Bucket;
}
