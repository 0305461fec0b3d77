import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IDENTITY, madeBatch, madeManifest } from "../../../src/sdk/conformance-batches.ts";
import type { SinkErrorCode } from "../../../src/sdk/sink-error.ts";
import { HadoopServer } from "../../servers/hadoop.ts";
import { ForeignHdfs } from "./foreign.ts";
import { newPath, openHdfs } from "./hdfs-place.ts";

/** Its limits and modes are changed, so this file has a server of its own. */
let server: HadoopServer;
let root: ForeignHdfs;
const never = new AbortController().signal;

beforeAll(async () => {
  server = await HadoopServer.start();
  root = new ForeignHdfs(server.url, "super");
}, 300_000);

afterAll(() => server.stop());

const refused = (code: SinkErrorCode, message: RegExp): object => ({
  code,
  message: expect.stringMatching(message) as string,
});

test("missing rights park the sink, and it works when they are given", async () => {
  const path = newPath();
  await root.call("PUT", path, "MKDIRS&permission=755");
  const sink = await openHdfs({ url: server.url, path });
  const denied = refused("sink-unauthorized", /AccessControlException.*permission denied/i);
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(denied);
  const findings = await sink.check(never);
  expect(findings.filter((f) => f.level === "error").map((f) => f.code)).toEqual([
    "sink-unauthorized",
  ]);
  await root.call("PUT", path, "SETOWNER&owner=archiver");
  expect(await sink.claim(IDENTITY, never)).toEqual(IDENTITY);
  await sink.close();
});

test("rights that are lost in the middle park the sink, and nothing is taken as absent", async () => {
  const path = newPath();
  const sink = await openHdfs({ url: server.url, path });
  await sink.claim(IDENTITY, never);
  const batch = madeBatch({ partition: 0, start: 0n });
  await sink.publish(batch, never);
  await root.call("PUT", path, "SETPERMISSION&permission=000");
  const denied = refused("sink-unauthorized", /permission denied/i);
  await expect(sink.stat(batch.description, "cheap", never)).rejects.toMatchObject(denied);
  await expect(sink.describe(madeManifest(batch.description), never)).rejects.toMatchObject(denied);
  await root.call("PUT", path, "SETPERMISSION&permission=755");
  expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
  await sink.close();
});

test("a folder whose parent is not there is a wrong path, not a new archive", async () => {
  const path = `${newPath()}/${randomBytes(4).toString("hex")}/archive`;
  const sink = await openHdfs({ url: server.url, path });
  const missing = refused("sink-transient", /is not there in HDFS; make it, or correct `path`/);
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(missing);
  expect((await sink.check(never)).filter((f) => f.level === "error")).toHaveLength(1);
  expect(await sink.identity(never)).toBeUndefined();
  await sink.close();
});

test("a path below a file, and a folder under a file's name, are refused for good", async () => {
  const path = newPath();
  await root.call("PUT", path, "MKDIRS&permission=777");
  await root.write(`${path}/file`, Buffer.from("x"));
  const below = await openHdfs({ url: server.url, path: `${path}/file/archive` });
  const noFolder = refused("sink-permanent", /is no folder/);
  await expect(below.claim(IDENTITY, never)).rejects.toMatchObject(noFolder);
  await below.close();

  const sink = await openHdfs({ url: server.url, path });
  await sink.claim(IDENTITY, never);
  const batch = madeBatch({ partition: 0, start: 0n });
  await root.call("PUT", `${path}/${batch.description.seal.path}`, "MKDIRS&permission=777");
  await root.call("PUT", `${path}/data`, "SETPERMISSION&permission=777");
  const folder = `${path}/${batch.description.seal.path.replace(/\/[^/]*$/, "")}`;
  await root.call("PUT", folder, "SETOWNER&owner=archiver");
  const stands = refused("sink-permanent", /a folder stands where the file/);
  await expect(sink.publish(batch, never)).rejects.toMatchObject(stands);
  expect(await root.files(`${path}/data`)).toEqual([]);
  await sink.close();
});

test("a used up quota is told by name, and no batch is lost", async () => {
  const path = newPath();
  const sink = await openHdfs({ url: server.url, path });
  await sink.claim(IDENTITY, never);
  const batch = madeBatch({ partition: 0, start: 0n });
  for (const [set, clear] of [
    ["-setSpaceQuota", "-clrSpaceQuota"],
    ["-setQuota", "-clrQuota"],
  ] as const) {
    await server.admin(set, "4", path);
    const quota = refused("sink-transient", /the quota is used up/);
    await expect(sink.publish(batch, never)).rejects.toMatchObject(quota);
    const findings = await sink.check(never);
    expect(
      findings
        .filter((f) => f.level === "error")
        .map((f) => f.text)
        .join(),
    ).toMatch(/quota/);
    await server.admin(clear, path);
  }
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  await sink.close();
}, 120_000);

test("safe mode is waited for, and reading goes on in it", async () => {
  const path = newPath();
  const sink = await openHdfs({ url: server.url, path });
  await sink.claim(IDENTITY, never);
  const [first, second] = [0, 1].map((partition) => madeBatch({ partition, start: 0n }));
  if (first === undefined || second === undefined) throw new Error("two batches");
  await sink.publish(first, never);
  await server.admin("-safemode", "enter");
  const safe = refused("sink-transient", /the NameNode is in safe mode/);
  await expect(sink.publish(second, never)).rejects.toMatchObject(safe);
  expect((await sink.stat(first.description, "bytes", never)).is).toBe("data");
  await server.admin("-safemode", "leave");
  expect(await sink.publish(second, never)).toEqual({ outcome: "created" });
  await sink.close();
}, 120_000);

test("DataNodes that are full or away are waited for", async () => {
  const path = newPath();
  const sink = await openHdfs({ url: server.url, path, idleTimeout: "5s" });
  await sink.claim(IDENTITY, never);
  const batch = madeBatch({ partition: 0, start: 0n, size: 100_000 });
  const free = await freeBytes();
  // A block of this size fits on no disk, which is how a full one answers.
  const huge = await openHdfs({ url: server.url, path, blockSize: "1024GiB" });
  expect(free).toBeLessThan(1024 ** 4);
  const full = refused("sink-transient", /no DataNode takes it/);
  await expect(huge.publish(batch, never)).rejects.toMatchObject(full);
  await server.kill("datanode");
  await expect(sink.publish(batch, never)).rejects.toMatchObject({ code: "sink-transient" });
  await server.restart("datanode");
  expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
  expect((await root.files(path)).filter((name) => name.startsWith("tmp/"))).toEqual([]);
  await huge.close();
  await sink.close();
}, 120_000);

test("an archive that vanishes is unreachable, never empty, and never begun again", async () => {
  const path = newPath();
  const sink = await openHdfs({ url: server.url, path });
  await sink.claim(IDENTITY, never);
  const batch = madeBatch({ partition: 0, start: 0n });
  await sink.publish(batch, never);
  await root.remove(path);
  const gone = refused("sink-transient", /archive\.json is not there; is this the right cluster/);
  await expect(sink.stat(batch.description, "cheap", never)).rejects.toMatchObject(gone);
  await expect(sink.publish(batch, never)).rejects.toMatchObject(gone);
  await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(gone);
  expect(await root.files(path)).toEqual([]);
  await sink.close();
});

test("an address where no WebHDFS answers, or nothing, says so", async () => {
  const none = await openHdfs({ url: `${server.url}/nothing/here`, path: "/t/x" });
  await expect(none.identity(never)).rejects.toMatchObject(
    refused("sink-transient", /no WebHDFS answers there; check `url`/),
  );
  await none.close();
  const closed = await openHdfs({ url: "http://127.0.0.1:9", path: "/t/x" });
  const refusedToConnect = refused("sink-transient", /127\.0\.0\.1:9: connect ECONNREFUSED/);
  await expect(closed.identity(never)).rejects.toMatchObject(refusedToConnect);
  await closed.close();
});

async function freeBytes(): Promise<number> {
  const query = "Hadoop:service=NameNode,name=NameNodeInfo";
  const answer = await fetch(`${server.url}/jmx?qry=${query}`);
  const { beans } = (await answer.json()) as { beans: { Free: number }[] };
  return beans[0]?.Free ?? Number.NaN;
}
