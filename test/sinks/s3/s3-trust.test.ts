import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { IDENTITY, madeBatch, madeManifest } from "../../../src/sdk/conformance-batches.ts";
import { SinkError } from "../../../src/sdk/sink-error.ts";
import { CephServer, type CephUser } from "../../servers/ceph.ts";
import { keysIn, openWith, settingsOf } from "./s3-place.ts";
import { foreignClient, newBucket, type S3Server } from "./server.ts";

const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });
let ceph: CephServer;
let server: S3Server;

beforeAll(async () => {
  ceph = await CephServer.start();
  server = { endpoint: ceph.endpoint, ...ceph.user };
});
afterAll(() => ceph.stop());
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

async function publishWith(settings: object): Promise<unknown> {
  const sink = await openWith(settings);
  try {
    return await sink.publish(batch, never);
  } catch (error) {
    expect(error).toBeInstanceOf(SinkError);
    return error;
  } finally {
    await sink.close();
  }
}

const created = { outcome: "created" };

describe("keys", () => {
  test("an unknown key and a wrong secret are told apart", async () => {
    const bucket = await newBucket(server);
    const unknown = await publishWith(settingsOf(server, bucket, { accessKeyId: "NOBODY" }));
    expect(unknown).toMatchObject({ code: "sink-unauthorized" });
    expect((unknown as SinkError).message).toMatch(/check `accessKeyId`/);
    const wrong = await publishWith(settingsOf(server, bucket, { secretAccessKey: "wrong" }));
    expect(wrong).toMatchObject({ code: "sink-unauthorized" });
    expect((wrong as SinkError).message).toMatch(/check `secretAccessKey`/);
  });

  test("revoked keys park the sink; given back, the same sink goes on", async () => {
    const user = ceph.addUser("revoked");
    const own = { endpoint: ceph.endpoint, ...user };
    const bucket = await newBucket(own);
    const sink = await openWith(settingsOf(own, bucket));
    await sink.publish(batch, never);
    ceph.admin(["user", "suspend", "--uid=revoked"]);
    const next = madeBatch({ partition: 0, start: 10n, seed: 2 });
    await expect(sink.publish(next, never)).rejects.toMatchObject({ code: "sink-unauthorized" });
    await expect(sink.stat(batch.description, "cheap", never)).rejects.toMatchObject({
      code: "sink-unauthorized",
    });
    ceph.admin(["user", "enable", "--uid=revoked"]);
    expect(await sink.publish(next, never)).toEqual(created);
    await sink.close();
  });

  test("of the environment and of a profile are found by the SDK's chain, and so is their lack", async () => {
    const bucket = await newBucket(server);
    const { endpoint, accessKeyId, secretAccessKey } = server;
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    const dir = mkdtempSync(join(tmpdir(), "archiver-s3-keys-"));
    const file = join(dir, "credentials");
    writeFileSync(
      file,
      `[site]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
    );
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
    vi.stubEnv("AWS_CONFIG_FILE", join(dir, "none"));
    const none = await publishWith({ endpoint, bucket });
    expect(none).toMatchObject({ code: "sink-unauthorized" });
    expect((none as SinkError).message).toMatch(/no keys were found/);
    expect(await publishWith({ endpoint, bucket, profile: "site" })).toEqual(created);
    vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
    expect(await publishWith({ endpoint, bucket })).toEqual({ outcome: "equal" });
    rmSync(dir, { recursive: true });
  });

  test("that may write and not remove are enough", async () => {
    const writer: CephUser = ceph.addUser("writer");
    const bucket = await newBucket(server);
    const client = foreignClient(server);
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: ["arn:aws:iam:::user/writer"] },
          Action: ["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
          Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        },
      ],
    });
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    const old = { Bucket: bucket, Key: "tmp/left" };
    await client.send(new PutObjectCommand({ ...old, Body: "left by a writer that died" }));
    const settings = settingsOf({ ...server, ...writer }, bucket, { tmpMaxAge: "1ms" });
    const sink = await openWith(settings);
    await sink.claim(IDENTITY, never);
    expect(await sink.publish(batch, never)).toEqual(created);
    expect(await sink.describe(madeManifest(batch.description), never)).toEqual(created);
    const findings = await sink.check(never);
    expect(findings.filter((f) => f.level === "error")).toEqual([]);
    expect(findings.find((f) => f.code === "probe-left")?.text).toMatch(/AccessDenied/);
    expect(findings.map((f) => f.code)).toContain("write-probe");
    expect(await keysIn(client, bucket)).toContain("tmp/left");
    await sink.close();
    client.destroy();
  });

  test("a clock that is an hour off is said once, and the next request allows for it", async () => {
    const bucket = await newBucket(server);
    const sink = await openWith(settingsOf(server, bucket));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    const first = await sink.publish(batch, never).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: "sink-transient" });
    expect((first as SinkError).message).toMatch(/RequestTimeTooSkewed.*clock/);
    expect(await sink.publish(batch, never)).toEqual(created);
    await sink.close();
  });
});

describe("a bucket", () => {
  test("that is not there is named, by every call, and never an empty archive", async () => {
    const sink = await openWith(settingsOf(server, "no-such-bucket"));
    const gone = { code: "sink-permanent", message: expect.stringMatching(/no-such-bucket/) };
    await expect(sink.publish(batch, never)).rejects.toMatchObject(gone);
    await expect(sink.identity(never)).rejects.toMatchObject(gone);
    await expect(sink.stat(batch.description, "cheap", never)).rejects.toMatchObject(gone);
    await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(gone);
    const findings = await sink.check(never);
    expect(findings.find((f) => f.level === "error")).toMatchObject({ code: "sink-permanent" });
    await sink.close();
  });

  test("that ignores the condition gets nothing, and the way out is named", async () => {
    const bucket = await newBucket(server, "versioned");
    const sink = await openWith(settingsOf(server, bucket));
    const refused = { code: "sink-permanent", message: expect.stringMatching(/oldest-version/) };
    await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(refused);
    await expect(sink.publish(batch, never)).rejects.toMatchObject(refused);
    const errors = (await sink.check(never)).filter((f) => f.level === "error");
    expect(errors.map((f) => f.code)).toContain("sink-permanent");
    const client = foreignClient(server);
    const keys = await keysIn(client, bucket);
    expect(keys.filter((key) => !key.startsWith("tmp/"))).toEqual([]);
    await sink.close();
    client.destroy();
  });

  test("whose versions are suspended is not taken for one that keeps them", async () => {
    const bucket = await newBucket(server, "versioned");
    const client = foreignClient(server);
    const VersioningConfiguration = { Status: "Suspended" } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
    const oldest = await publishWith(settingsOf(server, bucket, { createOnly: "oldest-version" }));
    expect(oldest).toMatchObject({ code: "sink-permanent" });
    expect((oldest as SinkError).message).toMatch(/enable versioning/);
    const racy = settingsOf(server, bucket, { createOnly: "head-then-put" });
    expect(await publishWith(racy)).toEqual(created);
    expect(await publishWith(racy)).toEqual({ outcome: "equal" });
    // Ceph 16 honours the condition again where versions are suspended.
    expect(await publishWith(settingsOf(server, bucket))).toEqual({ outcome: "equal" });
    const sink = await openWith(racy);
    expect(sink.capabilities.createOnly).toBe("head-then-put");
    const other = madeBatch({ partition: 0, start: 0n, seed: 2 });
    expect(await sink.publish(other, never)).toMatchObject({ outcome: "different" });
    const findings = await sink.check(never);
    expect(findings.find((f) => f.code === "s3-head-then-put")?.level).toBe("warning");
    await sink.close();
    client.destroy();
  });

  test("with versions holds the oldest as the batch, whatever comes later", async () => {
    const bucket = await newBucket(server, "versioned");
    const settings = settingsOf(server, bucket, { createOnly: "oldest-version" });
    const sink = await openWith(settings);
    expect(sink.capabilities).toMatchObject({ createOnly: "head-then-put", setAside: false });
    await sink.claim(IDENTITY, never);
    await sink.publish(batch, never);
    const manifest = madeManifest(batch.description);
    await sink.describe(manifest, never);
    const client = foreignClient(server);
    const at = { Bucket: bucket, Key: batch.description.seal.path };
    await client.send(new PutObjectCommand({ ...at, Body: "written over it" }));
    await client.send(new DeleteObjectCommand(at));
    expect(await sink.stat(batch.description, "bytes", never)).toMatchObject({ is: "whole" });
    expect(await sink.publish(batch, never)).toEqual({ outcome: "equal" });
    const listed = await Array.fromAsync(sink.list(batch.description, 0n, never));
    expect(listed.map((l) => l.data?.size)).toEqual([batch.bytes.length]);
    const input = { Bucket: bucket, Prefix: at.Key };
    const { Versions = [] } = await client.send(new ListObjectVersionsCommand(input));
    expect(Versions.length, "an equal batch again adds no version").toBe(2);
    await sink.close();
    client.destroy();
  });

  test("with versions is the primary only by a loud word", async () => {
    const bucket = await newBucket(server, "versioned");
    const loud = { createOnly: "oldest-version", primaryByOldestVersion: true };
    const sink = await openWith(settingsOf(server, bucket, loud));
    expect(sink.capabilities.createOnly).toBe("atomic");
    const finding = (await sink.check(never)).find((f) => f.code.startsWith("s3-primary"));
    expect(finding).toMatchObject({ level: "warning", text: expect.stringMatching(/PRIMARY/) });
    await sink.close();
    const alone = settingsOf(server, bucket, { primaryByOldestVersion: true });
    await expect(openWith(alone)).rejects.toThrow(/oldest-version/);
  });

  test("with versions data that expired goes with all its versions, and its manifest stays", async () => {
    const bucket = await newBucket(server, "versioned");
    const settings = settingsOf(server, bucket, { createOnly: "oldest-version" });
    expect(await publishWith(settings)).toEqual(created);
    const client = foreignClient(server);
    const at = { Bucket: bucket, Key: batch.description.seal.path };
    await client.send(new PutObjectCommand({ ...at, Body: "somebody's later version" }));
    const sink = await openWith(settings);
    const manifest = madeManifest(batch.description);
    await sink.describe(manifest, never);
    const state = await sink.stat(batch.description, "bytes", never);
    if (state.is !== "whole") throw new Error(`the batch is ${state.is}`);
    await expect(sink.expire?.(batch.description, "another", never)).rejects.toThrow(/look again/);
    expect(await sink.expire?.(batch.description, state.tag, never)).toBe("expired");
    const { Versions } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect(Versions?.map((v) => v.Key)).not.toContain(at.Key);
    const after = await sink.stat(batch.description, "cheap", never);
    expect(after).toMatchObject({ is: "damaged", tag: "", withoutData: { link: manifest.link } });
    await sink.close();
    client.destroy();
  });

  test("does not let go of a batch while a later version is locked, though the batch is not", async () => {
    const bucket = await newBucket(server, "locked");
    const sink = await openWith(settingsOf(server, bucket, { createOnly: "oldest-version" }));
    expect(await sink.publish(batch, never)).toEqual(created);
    await sink.describe(madeManifest(batch.description), never);
    const client = foreignClient(server);
    const at = { Bucket: bucket, Key: batch.description.seal.path };
    const lock = {
      ObjectLockMode: "GOVERNANCE" as const,
      ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
    };
    await client.send(new PutObjectCommand({ ...at, ...lock, Body: "another" }));
    const state = await sink.stat(batch.description, "cheap", never);
    if (state.is !== "whole") throw new Error(`the batch is ${state.is}`);
    expect(await sink.expire?.(batch.description, state.tag, never)).toBe("locked");
    expect(await sink.stat(batch.description, "bytes", never)).toMatchObject({ is: "whole" });
    await sink.close();
    client.destroy();
  });

  test("with object lock keeps what it was given for as long as it was told", async () => {
    const bucket = await newBucket(server, "locked");
    const objectLock = { mode: "compliance", retention: "1d", legalHold: false };
    const settings = settingsOf(server, bucket, { createOnly: "oldest-version", objectLock });
    expect(await publishWith(settings)).toEqual(created);
    const client = foreignClient(server);
    const at = { Bucket: bucket, Key: batch.description.seal.path };
    const head = await client.send(new HeadObjectCommand(at));
    expect(head.ObjectLockMode).toBe("COMPLIANCE");
    const until = head.ObjectLockRetainUntilDate?.getTime() ?? 0;
    expect(Math.abs(until - Date.now() - 86_400_000)).toBeLessThan(60_000);
    const { VersionId } = head;
    await expect(client.send(new DeleteObjectCommand({ ...at, VersionId }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    const locked = await openWith(settings);
    await locked.describe(madeManifest(batch.description), never);
    const state = await locked.stat(batch.description, "cheap", never);
    if (state.is !== "whole") throw new Error(`the batch is ${state.is}`);
    expect(await locked.expire?.(batch.description, state.tag, never)).toBe("locked");
    expect(await locked.stat(batch.description, "bytes", never)).toMatchObject({ is: "whole" });
    await locked.close();
    const plain = await newBucket(server);
    const unlocked = await openWith(settingsOf(server, plain, { objectLock }));
    const codes = (await unlocked.check(never)).filter((f) => f.level === "error");
    expect(codes.map((f) => f.code)).toContain("s3-object-lock");
    await unlocked.close();
    client.destroy();
  });
});
