import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IDENTITY, madeBatch, madeManifest } from "../../../src/sdk/conformance-batches.ts";
import { HadoopServer } from "../../servers/hadoop.ts";
import { ForeignHdfs } from "./foreign.ts";
import { newPath, openHdfs } from "./hdfs-place.ts";
import { hdfsStore } from "./store.ts";

/** An HDFS with a key store, and a folder that it encrypts. */
let server: HadoopServer;
const dir = mkdtempSync(join(tmpdir(), "archiver-zone-"));
const path = newPath();
const never = new AbortController().signal;

beforeAll(async () => {
  const keys = `jceks://file${dir}/keys.jceks`;
  server = await HadoopServer.start({ properties: { "hadoop.security.key.provider.path": keys } });
  const key = ["create", "archive", "-size", "128", "-provider", keys];
  await server.tool("org.apache.hadoop.crypto.key.KeyShell", key);
  // A NameNode reads its key store when it starts.
  await server.restart("namenode1");
  const root = new ForeignHdfs(server.url, "super");
  await root.call("PUT", path, "MKDIRS&permission=755");
  await root.call("PUT", path, "SETOWNER&owner=archiver");
  const zone = ["-createZone", "-keyName", "archive", "-path", path];
  await server.tool("org.apache.hadoop.hdfs.tools.CryptoAdmin", zone);
}, 300_000);

afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});

test("in an encryption zone HDFS' checksum says nothing, and reading decides", async () => {
  const sink = await openHdfs({ url: server.url, path });
  await sink.claim(IDENTITY, never);
  const batch = madeBatch({ partition: 0, start: 0n, size: 300_000 });
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  expect(await sink.publish(batch, never)).toEqual({ outcome: "equal" });
  const other = await sink.publish(madeBatch({ partition: 0, start: 0n, seed: 2 }), never);
  expect(other.outcome).toBe("different");
  await sink.describe(madeManifest(batch.description), never);
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("whole");
  const file = batch.description.seal.path;
  const stored = await new ForeignHdfs(server.url).read(`${path}/${file}`);
  expect(Buffer.compare(stored, Buffer.from(batch.bytes))).toBe(0);
  const store = hdfsStore(server.url, path);
  expect(await store.holds(file, Buffer.from(batch.bytes), never)).toBeUndefined();
  const codes = (await sink.check(never)).map((f) => f.code);
  expect(codes).toEqual(["hdfs-one-copy", "hdfs-checksum-unknown", "write-probe"]);
  await store.close();
  await sink.close();
}, 120_000);
