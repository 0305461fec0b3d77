import dns from "node:dns";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import {
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Description } from "../../../src/core/description.ts";
import { encodeDescription } from "../../../src/core/manifest.ts";
import { IDENTITY, madeBatch, madeManifest } from "../../../src/sdk/conformance-batches.ts";
import type { SealedBatch } from "../../../src/sdk/sink.ts";
import { CephServer } from "../../servers/ceph.ts";
import { Authority } from "../../servers/certificates.ts";
import { keysIn, openWith, settingsOf } from "./s3-place.ts";
import { foreignClient, newBucket, type S3Server } from "./server.ts";

const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
const KMS_KEY = Buffer.alloc(32, 7).toString("base64");
let ceph: CephServer;
let server: S3Server;

beforeAll(async () => {
  const gateway = {
    rgw_crypt_s3_kms_backend: "testing",
    rgw_crypt_s3_kms_encryption_keys: `key-1=${KMS_KEY}`,
    rgw_s3_auth_use_sts: "true",
    rgw_sts_key: "0123456789abcdef",
  };
  ceph = await CephServer.start({ gateway });
  server = { endpoint: ceph.endpoint, ...ceph.user };
});
afterAll(() => ceph.stop());
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test("storage class, tags and server-side encryption are the object's, and evidence still holds", async () => {
  const bucket = await newBucket(server);
  const settings = settingsOf(server, bucket, {
    ...{ prefix: "a+b/c/", storageClass: "STANDARD", tags: { team: "log & audit", cost: "7" } },
    encryption: { algorithm: "aws:kms", keyId: "key-1" },
  });
  const sink = await openWith(settings);
  await sink.claim(IDENTITY, never);
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  await sink.describe(madeManifest(batch.description), never);
  const client = foreignClient(server);
  const at = { Bucket: bucket, Key: `a+b/c/${batch.description.seal.path}` };
  const head = await client.send(new HeadObjectCommand(at));
  expect(head).toMatchObject({ ServerSideEncryption: "aws:kms", SSEKMSKeyId: "key-1" });
  const { TagSet } = await client.send(new GetObjectTaggingCommand(at));
  expect(TagSet).toEqual(
    expect.arrayContaining([
      { Key: "team", Value: "log & audit" },
      { Key: "cost", Value: "7" },
    ]),
  );
  expect(await sink.publish(batch, never)).toEqual({ outcome: "equal" });
  expect(await sink.stat(batch.description, "bytes", never)).toMatchObject({ is: "whole" });
  await sink.setAside?.(batch.description, head.ETag?.replaceAll('"', "") ?? "", never);
  expect(await sink.stat(batch.description, "cheap", never)).toEqual({ is: "absent" });
  const keys = await keysIn(client, bucket);
  const aside = keys.filter((key) => key.startsWith("a+b/c/quarantine/data/"));
  expect(aside).toHaveLength(1);
  const copy = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: aside[0] }));
  expect(copy).toMatchObject({ ETag: head.ETag, Metadata: head.Metadata });
  expect(keys.every((key) => key.startsWith("a+b/c/"))).toBe(true);
  await sink.close();
  client.destroy();
});

test("virtual-host style puts the bucket into the host's name", async () => {
  const bucket = await newBucket(server);
  const looked: string[] = [];
  const { lookup } = dns;
  // What a wildcard record does; nothing else of the request is touched.
  vi.spyOn(dns, "lookup").mockImplementation(((name: string, ...rest: unknown[]) => {
    looked.push(name);
    const to = name.endsWith(".localhost") ? "localhost" : name;
    return (lookup as (...args: unknown[]) => void)(to, ...rest);
  }) as typeof dns.lookup);
  const endpoint = server.endpoint.replace("127.0.0.1", "localhost");
  const sink = await openWith(
    settingsOf({ ...server, endpoint }, bucket, {
      addressing: "virtual-host",
    }),
  );
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  expect(looked).toContain(`${bucket}.localhost`);
  const direct = await openWith(settingsOf(server, bucket));
  expect(await direct.stat(batch.description, "bytes", never)).toMatchObject({ is: "data" });
  await sink.close();
  await direct.close();
});

test("a certificate of an own authority is trusted by `ca`, and by nothing else", async () => {
  const dir = mkdtempSync(join(tmpdir(), "archiver-s3-tls-"));
  const authority = new Authority(join(dir, "ca"), "store authority");
  const { cert, key } = authority.issue("127.0.0.1");
  const front = await tlsFront(readFileSync(cert), readFileSync(key));
  try {
    const endpoint = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const bucket = await newBucket(server);
    const strange = await openWith(settingsOf({ ...server, endpoint }, bucket));
    const refused = { code: "sink-transient", message: expect.stringMatching(/certificate.*`ca`/) };
    await expect(strange.publish(batch, never)).rejects.toMatchObject(refused);
    const ca = "ca/ca.pem";
    for (const [partition, integrity] of (["sha256", "md5", "tls"] as const).entries()) {
      const sink = await openWith(
        settingsOf({ ...server, endpoint }, bucket, { ca, integrity }),
        dir,
      );
      const made = madeBatch({ partition, start: 0n, size: 3_000_000 });
      expect(await sink.publish(made, never)).toEqual({ outcome: "created" });
      expect(await sink.stat(made.description, "bytes", never)).toMatchObject({ is: "data" });
      expect((await sink.check(never)).map((f) => f.code)).not.toContain("s3-plain-http");
      await sink.close();
    }
    const missing = settingsOf({ ...server, endpoint }, bucket, { ca: "none.pem" });
    await expect(openWith(missing, dir)).rejects.toMatchObject({ code: "config-invalid" });
    await strange.close();
  } finally {
    front.close();
    rmSync(dir, { recursive: true });
  }
});

/** TLS in front of the gateway, as a load balancer does it. */
async function tlsFront(cert: Buffer, key: Buffer): Promise<Server> {
  const port = Number(new URL(server.endpoint).port);
  const front = createServer({ cert, key }, (client) => {
    const store: Socket = connect(port, "127.0.0.1");
    client.pipe(store).pipe(client);
    client.on("error", () => store.destroy());
    store.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  return front;
}

test("a profile with a role brings temporary keys with a token from the store's own service", async () => {
  const allow = (more: object): string =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...more }] });
  const user = { AWS: ["arn:aws:iam:::user/archiver"] };
  const trust = allow({ Principal: user, Action: ["sts:AssumeRole"] });
  const named = "--role-name=writer";
  ceph.admin(["role", "create", named, "--path=/", `--assume-role-policy-doc=${trust}`]);
  const policy = allow({ Action: ["s3:*"], Resource: ["*"] });
  ceph.admin(["role-policy", "put", named, "--policy-name=all", `--policy-doc=${policy}`]);
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const dir = mkdtempSync(join(tmpdir(), "archiver-s3-role-"));
  const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  const role = `role_arn = arn:aws:iam:::role/writer\nsource_profile = base\n`;
  writeFileSync(join(dir, "credentials"), `[base]\n${keys}\n[writer]\n${role}`);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(dir, "credentials"));
  vi.stubEnv("AWS_CONFIG_FILE", join(dir, "none"));
  vi.stubEnv("AWS_ENDPOINT_URL_STS", endpoint);
  const bucket = await newBucket(server);
  const sink = await openWith({ endpoint, bucket, profile: "writer" });
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  ceph.admin(["role-policy", "delete", named, "--policy-name=all"]);
  const refused = { code: "sink-unauthorized", message: expect.stringMatching(/rights/) };
  await expect(sink.publish(batch, never)).rejects.toMatchObject(refused);
  await sink.close();
  rmSync(dir, { recursive: true });
});

/** A batch with so many holes of odd places that its description is larger than metadata may be. */
function holed(start: bigint): SealedBatch {
  const count = 12_000n;
  const made = madeBatch({ partition: 0, start, count });
  const holes: { from: bigint; to: bigint; reason: "compacted" }[] = [];
  let at = start;
  let compacted = 0n;
  for (let i = 0, state = 7; i < 600; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const from = at + 1n + BigInt(state % 13);
    const to = from + 1n + BigInt((state >>> 8) % 5);
    holes.push({ from, to, reason: "compacted" });
    compacted += to - from;
    at = to;
  }
  const description: Description = { ...made.description, holes, compacted };
  return { ...made, description: { ...description, records: count - compacted } };
}

test("a description that does not fit into metadata is an object of its own, until the manifest is there", async () => {
  const bucket = await newBucket(server);
  const large = holed(0n);
  const sink = await openWith(settingsOf(server, bucket, { tmpMaxAge: "1ms" }));
  await sink.claim(IDENTITY, never);
  expect(await sink.publish(large, never)).toEqual({ outcome: "created" });
  const client = foreignClient(server);
  const abouts = async (): Promise<readonly string[]> =>
    (await keysIn(client, bucket)).filter((key) => key.endsWith(".about"));
  expect(await abouts()).toHaveLength(1);
  const next = await openWith(settingsOf(server, bucket, { tmpMaxAge: "1ms" }));
  await next.claim(IDENTITY, never);
  expect(await abouts(), "a sweep leaves what still describes data").toHaveLength(1);
  const state = await next.stat(large.description, "bytes", never);
  expect(state.is === "data" && encodeDescription(state.description)).toBe(
    encodeDescription(large.description),
  );
  expect(await next.publish(large, never)).toEqual({ outcome: "equal" });
  await next.describe(madeManifest(large.description), never);
  await next.claim(IDENTITY, never);
  expect(await abouts()).toHaveLength(0);
  expect((await sink.stat(large.description, "bytes", never)).is).toBe("whole");
  await sink.close();
  await next.close();
  client.destroy();
});

test("leftovers in tmp/ go by their age, and the probe stays", async () => {
  const bucket = await newBucket(server);
  const client = foreignClient(server);
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: "tmp/left", Body: "x" }));
  const patient = await openWith(settingsOf(server, bucket));
  await patient.claim(IDENTITY, never);
  expect(await keysIn(client, bucket)).toContain("tmp/left");
  const sink = await openWith(settingsOf(server, bucket, { tmpMaxAge: "1ms" }));
  await sink.claim(IDENTITY, never);
  expect(await keysIn(client, bucket)).toEqual(["archive.json", "tmp/create-only-probe"]);
  await patient.close();
  await sink.close();
  client.destroy();
});

test("check names lifecycle rules that remove batches", async () => {
  const bucket = await newBucket(server);
  const client = foreignClient(server);
  const Rules = [
    { ID: "all", Status: "Enabled", Filter: { Prefix: "" }, Expiration: { Days: 30 } },
    { ID: "old", Status: "Enabled", Filter: { Prefix: "data/" }, Expiration: { Days: 400 } },
    { ID: "tmp", Status: "Enabled", Filter: { Prefix: "tmp/" }, Expiration: { Days: 1 } },
  ] as const;
  const LifecycleConfiguration = { Rules: [...Rules] };
  const input = { Bucket: bucket, LifecycleConfiguration };
  await client.send(new PutBucketLifecycleConfigurationCommand(input));
  const sink = await openWith(settingsOf(server, bucket));
  const rules = (await sink.check(never)).filter((f) => f.code.startsWith("s3-lifecycle"));
  expect(rules.map(({ level, code }) => `${level} ${code}`).toSorted()).toEqual([
    "warning s3-lifecycle",
    "warning s3-lifecycle-manifests",
  ]);
  expect(rules.map(({ text }) => text).join()).toMatch(/rule all removes manifests/);
  expect(rules.map(({ text }) => text).join()).toMatch(/rule old removes data by its age/);
  await sink.close();
  client.destroy();
});
