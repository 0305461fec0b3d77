import { rmSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { configDir, edited, load } from "../../config/load.ts";

const dir = configDir({ password: "open sesame\n" });
afterAll(() => rmSync(dir, { recursive: true }));

const withSink = (keys: string): string => edited({ 6: `  - { name: lake, kind: hdfs, ${keys} }` });

describe("the configuration of an hdfs sink", () => {
  test("takes the contract's example, and what clusters need besides", async () => {
    await load(withSink('url: "http://127.0.0.1:9870", user: archiver, path: /archive'), dir);
    const keys = [
      'url: ["https://nn1:9871", "https://nn2:9871/webhdfs/v1"], path: /data/archive',
      'basic: { username: me, password: "${file:password}" }, tls: { ca: ca.pem }',
      'dataNodes: { "dn1.internal:9865": "10.0.0.1:19865" }, replication: 3, blockSize: 256MiB',
      'filePermission: "640", folderPermission: "750", idleTimeout: 10s, tmpMaxAge: 2d',
    ];
    const config = await load(withSink(keys.join(", ")), dir);
    expect(inspect(config, { depth: 9 })).not.toContain("sesame");
    expect(config.sinks[0]?.config).toMatchObject({
      basic: { username: "me", password: "open sesame" },
      blockSize: 256 * 1024 ** 2,
      fsync: true,
      idleTimeout: 10_000,
      tmpMaxAge: 172_800_000,
    });
  });

  test.for([
    ["path: /archive", 'missing key "url"'],
    ['url: "http://nn:9870"', 'missing key "path"'],
    ["url: nn:9870, path: /archive", "expected such as http://namenode:9870"],
    ['url: "hdfs://nn:8020", path: /archive', "expected such as http://namenode:9870"],
    ['url: "http://me:secret@nn:9870", path: /a', "user and password belong into `basic`"],
    ["url: [], path: /archive", "sinks[0].url"],
    ['url: "http://nn:9870", path: archive', "expected an absolute path in HDFS"],
    ['url: "http://nn:9870", path: /', "expected an absolute path in HDFS"],
    ['url: "http://nn:9870", path: /a/../b', "no . or .. in it"],
    ['url: "http://nn:9870", path: "/a:b"', "expected an absolute path in HDFS"],
    ['url: "http://nn:9870", path: /a, usr: me', 'unknown key "usr" (did you mean "user"?)'],
    ['url: "http://nn:9870", path: /a, blockSize: 64', "sinks[0].blockSize"],
    ['url: "http://nn:9870", path: /a, filePermission: "888"', "expected octal in quotes"],
    ['url: "http://nn:9870", path: /a, dataNodes: { dn1: "b:1" }', "expected host:port"],
    ['url: "http://nn:9870", path: /a, tls: { cert: c.pem }', "cert and key belong together"],
    [
      'url: "http://nn:9870", path: /a, delegationToken: x, delegationTokenFile: y',
      "delegationToken or delegationTokenFile, not both",
    ],
  ] as const)("refuses %s", async ([keys, problem]) => {
    const error = await load(withSink(keys), dir).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: "config-invalid" });
    expect((error as Error).message).toContain(problem);
    expect((error as Error).message).toMatch(/conf\.yaml:6:\d+/);
  });
});
