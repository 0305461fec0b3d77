import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { S3Bucket } from "../../../sinks/s3/s3-bucket.ts";
import { openClient } from "../../../sinks/s3/s3-client.ts";
import { S3Objects } from "../../../sinks/s3/s3-objects.ts";
import { s3Plugin } from "../../../sinks/s3/s3-plugin.ts";
import { CreateOnlyProof } from "../../../sinks/s3/s3-probe.ts";
import { S3Store } from "../../../sinks/s3/s3-store.ts";
import type { ConformancePlace, ConformanceTarget } from "../../../src/sdk/conformance.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { openFaulty } from "../faulty-http.ts";
import { type BucketKind, foreignClient, newBucket, type S3Server } from "./server.ts";

const never = new AbortController().signal;

export const settingsOf = (server: S3Server, bucket: string, more: object = {}): object => ({
  ...server,
  bucket,
  ...more,
});

export async function openWith(settings: object, baseDir = "."): Promise<Sink> {
  return s3Plugin.open(s3Plugin.schema.parse(settings), { name: "s3", baseDir }, never);
}

/** The blob store below the sink. */
export function storeWith(settings: object): S3Store {
  const config = s3Plugin.schema.parse(settings);
  const { createOnly } = config;
  const bucket = new S3Bucket(openClient(config, "."), config.bucket, config.prefix);
  const objects = new S3Objects(bucket, config);
  const proof = new CreateOnlyProof(createOnly, bucket, objects);
  return new S3Store({ bucket, objects, proof, createOnly });
}

/** What the conformance kit's writer processes load: the address holds the settings. */
export const openSink = (address: string): Promise<Sink> => openWith(JSON.parse(address) as object);

/** Places in new buckets of a kind; `more` are settings of the sink. */
export function s3Target(
  server: () => S3Server,
  kind: BucketKind,
  more: object = {},
): ConformanceTarget {
  return {
    module: new URL(import.meta.url),
    // Where there are versions, a listing is as long as all of them.
    batches: kind === "plain" ? 10_000 : 2_000,
    place: async () => {
      const bucket = await newBucket(server(), kind);
      return placeIn(server(), bucket, { prefix: "site-a/kafka", ...more });
    },
  };
}

function placeIn(
  server: S3Server,
  bucket: string,
  more: { readonly prefix: string },
): ConformancePlace {
  const client = foreignClient(server);
  const key = (path: string): string => `${more.prefix}/${path}`;
  const address = JSON.stringify(settingsOf(server, bucket, more));
  /** Puts another object in place of all versions of one, changed by the caller. */
  const replace = async (
    path: string,
    change: (bytes: Buffer, metadata: Record<string, string>) => void,
  ): Promise<void> => {
    const at = { Bucket: bucket, Key: key(path) };
    const { Body, Metadata = {} } = await client.send(new GetObjectCommand(at));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    change(bytes, Metadata);
    const input = { Bucket: bucket, Prefix: at.Key };
    const { Versions = [] } = await client.send(new ListObjectVersionsCommand(input));
    for (const { VersionId } of Versions) {
      await client.send(new DeleteObjectCommand({ ...at, VersionId }));
    }
    await client.send(new PutObjectCommand({ ...at, Body: bytes, Metadata }));
  };
  return {
    address,
    open: () => openSink(address),
    openFaulty: () =>
      openFaulty(new URL(server.endpoint), (endpoint) =>
        openWith({ ...settingsOf(server, bucket, more), endpoint }),
      ),
    loseDescription: ({ description }) =>
      replace(description.seal.path, (_bytes, metadata) => {
        for (const name of Object.keys(metadata)) delete metadata[name];
      }),
    damage: ({ description }) =>
      replace(description.seal.path, (bytes) => {
        bytes[0] = (bytes[0] ?? 0) ^ 1;
      }),
    finalNames: async () => {
      const names = await keysIn(client, bucket);
      return names
        .map((name) => name.slice(more.prefix.length + 1))
        .filter((name) => !name.startsWith("tmp/"));
    },
    dispose: () => Promise.resolve(client.destroy()),
  };
}

/** Every key of a bucket, ascending. */
export async function keysIn(client: S3Client, bucket: string): Promise<readonly string[]> {
  const names: string[] = [];
  let token: string | undefined;
  do {
    const input = { Bucket: bucket, ContinuationToken: token };
    const found = await client.send(new ListObjectsV2Command(input));
    for (const { Key = "" } of found.Contents ?? []) names.push(Key);
    token = found.NextContinuationToken;
  } while (token !== undefined);
  return names;
}
