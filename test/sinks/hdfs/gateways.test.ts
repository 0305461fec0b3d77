import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conformance } from "../../../src/sdk/conformance.ts";
import { IDENTITY, madeBatch } from "../../../src/sdk/conformance-batches.ts";
import { Authority } from "../../servers/certificates.ts";
import { HadoopServer } from "../../servers/hadoop.ts";
import { ForeignHdfs } from "./foreign.ts";
import { Gateway, type GatewayOptions } from "./gateway.ts";
import { hdfsTarget, newPath, openHdfs } from "./hdfs-place.ts";
import { hdfsStore } from "./store.ts";

/** An HDFS with an HttpFS, whose checksums are in the form that clients of several clusters set. */
let server: HadoopServer;
let authority: Authority;
let gatewayOptions: GatewayOptions;
const dir = mkdtempSync(join(tmpdir(), "archiver-gateways-"));
const never = new AbortController().signal;

beforeAll(async () => {
  const properties = { "dfs.checksum.combine.mode": "COMPOSITE_CRC" };
  server = await HadoopServer.start({ httpfs: true, properties });
  authority = new Authority(join(dir, "ca"), "gateway authority");
  gatewayOptions = {
    certificate: authority.issue("gateway"),
    prefix: "/gateway/default",
    username: "carol",
    password: "pa:ss wörd",
    target: server.url,
    rewrites: true,
  };
}, 300_000);

afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});

const codes = (findings: readonly { code: string }[]): readonly string[] =>
  findings.map((f) => f.code);

/** Kills, races and thousands of files are tried on the NameNode itself; HttpFS replaces nothing. */
const brief = conformance.filter((c) => c.timeoutMs <= 20_000 && !/race|rewrap/.test(c.name));

describe("HttpFS", () => {
  for (const held of brief) {
    const target = hdfsTarget(() => server.httpfsUrl);
    test(held.name, { timeout: 4 * held.timeoutMs }, () => held.run(target));
  }

  test("its checksum is that of the whole file, and is computed here too", async () => {
    const path = newPath();
    const store = hdfsStore(server.httpfsUrl, path, { blockSize: 4096 });
    const bytes = Buffer.alloc(10_000, "composite");
    await store.create("archive.json", { bytes, digest: "" }, never);
    const answer = await new ForeignHdfs(server.httpfsUrl).call(
      "GET",
      `${path}/archive.json`,
      "GETFILECHECKSUM",
    );
    expect(answer).toMatch(/COMPOSITE-CRC32C/);
    expect(await store.holds("archive.json", bytes, never)).toBe(true);
    bytes[77] = 0;
    expect(await store.holds("archive.json", bytes, never)).toBeUndefined();
    await store.close();
  });

  test("a file is not replaced by a RENAME that does not say it may, and the way out is named", async () => {
    const path = newPath();
    const [through, beside] = [hdfsStore(server.httpfsUrl, path), hdfsStore(server.url, path)];
    for (const name of ["archive.json", "data/one"])
      await through.create(name, { bytes: Buffer.from("one"), digest: "" }, never);
    const tag = (await through.head("data/one", never))?.tag ?? "";
    const replacing = through.replace("data/one", Buffer.from("two"), tag, never);
    await expect(replacing).rejects.toThrow(/does not pass on renameoptions.*hdfs\.md/);
    const hdfs = new ForeignHdfs(server.url);
    expect((await hdfs.read(`${path}/data/one`)).toString()).toBe("one");
    expect(await hdfs.files(path)).toEqual(["archive.json", "data/one"]);
    const seen = (await beside.head("data/one", never))?.tag ?? "";
    await beside.replace("data/one", Buffer.from("two"), seen, never);
    expect((await hdfs.read(`${path}/data/one`)).toString()).toBe("two");
    for (const store of [through, beside]) await store.close();
  });

  test("check says that it does not pass on the wish to fsync; the NameNode does", async () => {
    const path = newPath();
    const [through, beside] = [
      await openHdfs({ url: server.httpfsUrl, path }),
      await openHdfs({ url: server.url, path }),
    ];
    expect(codes(await through.check(never))).toContain("hdfs-fsync-unknown");
    const direct = codes(await beside.check(never));
    expect(direct).toEqual(["hdfs-one-copy", "write-probe"]);
    const off = await openHdfs({ url: server.url, path, fsync: false });
    expect(codes(await off.check(never))).toContain("hdfs-no-fsync");
    expect(await new ForeignHdfs(server.url).files(path)).toEqual([]);
    for (const sink of [through, beside, off]) await sink.close();
  });

  test("a delegation token that is cancelled parks the sink until its file has a new one", async () => {
    const hdfs = new ForeignHdfs(server.httpfsUrl);
    const newToken = async (): Promise<string> => {
      const text = await hdfs.call("GET", "/", "GETDELEGATIONTOKEN&renewer=archiver");
      return (JSON.parse(text) as { Token: { urlString: string } }).Token.urlString;
    };
    const file = join(dir, "token");
    const first = await newToken();
    writeFileSync(file, `${first}\n`);
    const path = newPath();
    const settings = { url: server.httpfsUrl, path, user: undefined, delegationTokenFile: file };
    const sink = await openHdfs(settings);
    await sink.claim(IDENTITY, never);
    await hdfs.call("PUT", "/", `CANCELDELEGATIONTOKEN&token=${first}`);
    const batch = madeBatch({ partition: 0, start: 0n });
    const parked = sink.publish(batch, never);
    await expect(parked).rejects.toMatchObject({ code: "sink-unauthorized" });
    await expect(parked).rejects.not.toThrow(first);
    writeFileSync(file, await newToken());
    expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
    await sink.close();
  });
});

describe("a gateway with TLS and a password", () => {
  const settings = (url: string, more = {}): Record<string, unknown> => ({
    url,
    user: undefined,
    basic: { username: gatewayOptions.username, password: gatewayOptions.password },
    tls: { ca: authority.ca },
    ...more,
  });

  test("takes and gives a batch, and everything goes through it", async () => {
    const gateway = await Gateway.open(gatewayOptions);
    const path = newPath();
    const sink = await openHdfs(settings(`${gateway.url}/webhdfs/v1/`, { path }));
    await sink.claim(IDENTITY, never);
    const batch = madeBatch({ partition: 0, start: 0n, size: 3_000_000 });
    expect(await sink.publish(batch, never)).toEqual({ outcome: "created" });
    expect((await sink.stat(batch.description, "bytes", never)).is).toBe("data");
    const stored = await new ForeignHdfs(server.url).read(`${path}/${batch.description.seal.path}`);
    expect(Buffer.compare(stored, Buffer.from(batch.bytes))).toBe(0);
    // Two steps each: the NameNode's and the DataNode's.
    expect(gateway.passed.filter((p) => p === "PUT CREATE")).toHaveLength(4);
    await sink.close();
    await gateway.close();
  });

  test("a wrong password parks the sink; a missing page says that no WebHDFS is there", async () => {
    const gateway = await Gateway.open(gatewayOptions);
    const path = newPath();
    const basic = { username: "carol", password: "old" };
    const sink = await openHdfs(settings(gateway.url, { path, basic }));
    const error = {
      code: "sink-unauthorized",
      message: expect.not.stringContaining("old") as string,
    };
    await expect(sink.identity(never)).rejects.toMatchObject(error);
    await sink.close();
    const elsewhere = await openHdfs(settings(new URL(gateway.url).origin, { path }));
    await expect(elsewhere.identity(never)).rejects.toThrow(/no WebHDFS answers there/);
    await elsewhere.close();
    await gateway.close();
  });

  test("a certificate of an authority that is not trusted is named", async () => {
    const gateway = await Gateway.open(gatewayOptions);
    const sink = await openHdfs(settings(gateway.url, { path: newPath(), tls: undefined }));
    const unknown = /its certificate is not trusted \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)/;
    await expect(sink.identity(never)).rejects.toThrow(unknown);
    await sink.close();
    await gateway.close();
  });

  test("data and password never go from https to a DataNode in the clear", async () => {
    const gateway = await Gateway.open({ ...gatewayOptions, rewrites: false });
    const path = newPath();
    const sink = await openHdfs(settings(gateway.url, { path }));
    const refused = {
      code: "sink-permanent",
      message: expect.stringMatching(/https to http/) as string,
    };
    await expect(sink.claim(IDENTITY, never)).rejects.toMatchObject(refused);
    expect(await new ForeignHdfs(server.url).files(path)).toEqual([]);
    await sink.close();
    await gateway.close();
  });
});
