import { readFileSync, rmSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, expect, test } from "vitest";
import { kafkaOptions } from "../../src/config/kafka-options.ts";
import { EXAMPLE, GENERAL_EXAMPLE } from "../../src/reference/configuration-page.ts";
import { configDir, edited, GOOD, load, tlsFiles } from "./load.ts";

const RECIPIENT = "age1ujceafm9n83y9tnu7py2l55rc8ykwjan4rejckrjtflqegxfkfps5ddh87";
const dir = configDir({
  password: "hunter2 with spaces\n",
  "two-lines": "one\ntwo\n\n",
  token: "abc.def\n",
  seed: `${"ab".repeat(32)}\n`,
});
const { ca, cert, key } = tlsFiles(dir);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("defaults are those of the contract", async () => {
  const config = await load(`${GOOD.join("\n")}\n`, dir);
  const [pipeline] = config.pipelines;
  expect(config).toMatchObject({
    memoryBytes: 256 * 1024 ** 2,
    http: null,
    baseDir: dir,
    kafka: { sessionTimeoutMs: 45_000, heartbeatMs: 1000, instanceId: null, ssl: null, sasl: null },
  });
  expect(pipeline).toMatchObject({
    name: "main",
    group: "archiver",
    topics: ["logs"],
    start: "earliest",
    batch: { bytes: 16 * 1024 ** 2, ageMs: 60_000, idleMs: null },
    format: "segment",
    compression: { codec: "zstd", level: 3, recompress: "auto" },
    encryption: null,
  });

  expect(pipeline?.sinks[0]).toBe(config.sinks[0]);
});

test("every key of the contract is understood", async () => {
  const text = `
kafka:
  brokers: ["127.0.0.1:9092", "[::1]:9093"]
  instanceId: "\${env:HOST}"
  ssl: { ca: authority/ca.pem, cert: authority/me.pem, key: authority/me.key, servername: kafka }
  sasl: { mechanism: scram-sha-512, username: me, password: "\${file:password}" }
group: archiver
topics: [logs, { regex: "^audit\\\\." }]
start: latest
batch: { bytes: 1MiB, age: 500ms, idle: 2m }
format: ndjson
compression: { codec: gzip }
encryption: { recipients: [${RECIPIENT}], seedFile: ./seed }
memory: 1GiB
http: { listen: "[::1]:9464", hosts: [archiver.local] }
sinks:
  - { name: files, kind: fs, path: ./archive, limits: { concurrency: 2, rate: 50MiB/s, timeout: 5s } }
  - { name: more, kind: fs, path: /srv/more, whenAway: { detach: 30m }, plaintext: allow }
`;
  const config = await load(text, dir, { HOST: "node-7" });
  expect(config.kafka.instanceId).toBe("node-7");
  expect(config.http).toEqual({
    host: "::1",
    port: 9464,
    hosts: ["archiver.local"],
    token: null,
    publicPaths: ["/healthz", "/readyz", "/metrics"],
  });
  expect(config.pipelines[0]).toMatchObject({
    start: "latest",
    topics: ["logs", { regex: "^audit\\." }],
    batch: { bytes: 1024 ** 2, ageMs: 500, idleMs: 120_000 },
    compression: { codec: "gzip", level: 6 },
    encryption: { recipients: [RECIPIENT], seedFile: `${dir}/seed` },
  });
  expect(config.sinks[0]?.limits).toEqual({
    limit: { concurrency: 2, bytesPerSecond: 50 * 1024 ** 2 },
    tryTimeoutMs: 5000,
  });
  expect(config.sinks[1]).toMatchObject({ whenAway: { detachMs: 1_800_000 }, plaintext: "allow" });
  const options = kafkaOptions(config.kafka);
  expect(options.sasl).toEqual({
    mechanism: "scram-sha-512",
    username: "me",
    password: "hunter2 with spaces",
  });
  expect(typeof options.ssl === "function" ? options.ssl() : null).toMatchObject({
    ca: readFileSync(ca, "utf8"),
    cert: readFileSync(cert, "utf8"),
    key: readFileSync(key, "utf8"),
    servername: "kafka",
    rejectUnauthorized: true,
  });
});

test("several pipelines name their sinks", async () => {
  const config = await load(GENERAL_EXAMPLE, dir);
  expect(config.pipelines.map((p) => [p.name, p.group, p.sinks.map((s) => s.name)])).toEqual([
    ["logs", "archiver-logs", ["files"]],
    ["audit", "archiver-audit", ["readable"]],
  ]);
});

test("the page's example is right", async () => {
  const config = await load(EXAMPLE, dir);
  expect(config.http?.port).toBe(9464);
});

test("a file's last newline is dropped, and only that; $${ is not a reference", async () => {
  const text = edited({ 3: 'group: "${file:two-lines}|${env:A}$${env:A}"' });
  const config = await load(text, dir, { A: "x" });
  expect(config.pipelines[0]?.group).toBe("one\ntwo\n|x${env:A}");
});

test("an anchor is one way not to repeat oneself", async () => {
  const config = await load(
    edited({
      3: "group: &g archiver",
      2: '  brokers: ["a:1"]\n  clientId: &c me\n  instanceId: *c',
    }),
    dir,
  );
  expect(config.kafka.instanceId).toBe("me");
});

test("a token is read afresh before each authentication", async () => {
  const sasl = "  sasl: { mechanism: oauthbearer, tokenFile: token }";
  const config = await load(edited({ 2: `  brokers: ["a:1"]\n${sasl}` }), dir);
  const { sasl: options } = kafkaOptions(config.kafka);
  expect(options?.mechanism).toBe("oauthbearer");
  expect(options?.mechanism === "oauthbearer" ? await options.token() : "").toBe("abc.def");
});

test("where a secret is, is none: log lines keep their paths", async () => {
  const sasl = "  sasl: { mechanism: oauthbearer, tokenFile: token }";
  const config = await load(edited({ 2: `  brokers: ["a:1"]\n${sasl}` }), dir);
  expect(config.secrets.map((s) => s.reveal())).toEqual([]);
});

test("no dump of the configuration shows a secret", async () => {
  const kafka =
    '  brokers: ["a:1"]\n  sasl: { mechanism: plain, username: me, password: "s3cret-one" }';
  const sink = '  - { name: files, kind: fs, path: "${file:password}" }';
  const config = await load(edited({ 2: kafka, 6: sink }), dir);
  for (const dump of [inspect(config, { depth: 12 }), JSON.stringify(config), String(config)]) {
    expect(dump).not.toContain("s3cret-one");
    expect(dump).not.toContain("hunter2");
  }
  expect(JSON.stringify(config.kafka)).toContain("[redacted]");
  expect(config.secrets.map((s) => s.reveal()).sort()).toEqual([
    "hunter2 with spaces",
    "s3cret-one",
  ]);
  expect(config.sinks[0]?.config).toMatchObject({ path: "hunter2 with spaces" });
});
