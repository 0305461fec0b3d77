import { expect, test } from "vitest";
import { builtInSinks } from "../../sinks/index.ts";
import { explain } from "../../src/config/explain.ts";

const TEXT = `# a comment
kafka:
  brokers: ["\${env:BROKER}:9092"]
  sasl: { mechanism: plain, username: me, password: sesame }
group: archiver
topics: [logs, { regex: "^audit" }]
sinks:
  - name: lake
    kind: s3
    endpoint: http://127.0.0.1:8000
    bucket: archive
    accessKeyId: "\${env:KEY}"
    secretAccessKey: "\${file:/run/secrets/s3}"
  - { name: files, kind: fs, path: "$\${plain}" }
batch: { age: 10s }
`;

const settings = new Map(
  explain("c.yaml", TEXT, { BROKER: "k1", KEY: "AK" }, builtInSinks).map((s) => [
    s.key,
    `${s.value} (${s.source})`,
  ]),
);

test.each([
  ["kafka.brokers", '["k1:9092"] (c.yaml:3, environment BROKER)'],
  ["kafka.sasl.username", "me (c.yaml:4)"],
  ["kafka.sasl.password", "[redacted] (c.yaml:4)"],
  ["kafka.sessionTimeout", "45s (default)"],
  ["sinks[0].bucket", "archive (c.yaml:11)"],
  ["sinks[0].accessKeyId", "AK (c.yaml:12, environment KEY)"],
  ["sinks[0].secretAccessKey", "[redacted] (c.yaml:13, file /run/secrets/s3)"],
  ["sinks[0].integrity", "sha256 (default)"],
  ["sinks[0].limits.timeout", "120s (default)"],
  ["sinks[1].path", "${plain} (c.yaml:14)"],
  ["sinks[1].fsync", "true (default)"],
  ["batch.age", "10s (c.yaml:15)"],
  ["batch.bytes", "16MiB (default)"],
  ["memory", "256MiB (default)"],
  ["log.level", "info (default)"],
])("%s", (key, text) => {
  expect(settings.get(key)).toBe(text);
});

test("what is optional and has no default is not there, nor is another sink's key", () => {
  for (const key of ["http", "encryption", "batch.idle", "sinks[0].fsync", "kafka.ssl"]) {
    expect(settings.has(key), key).toBe(false);
  }
  expect([...settings.values()].join("\n")).not.toContain("sesame");
});

test("the settings of each pipeline", () => {
  const text = `kafka: { brokers: [k:1] }
sinks: [{ name: a, kind: fs, path: a }]
pipelines:
  - { name: p, group: g, topics: [t], sinks: [a], format: ndjson }
`;
  const found = explain("c.yaml", text, {}, builtInSinks);
  const of = (key: string): string | undefined => found.find((s) => s.key === key)?.value;
  expect(of("pipelines[0].format")).toBe("ndjson");
  expect(of("pipelines[0].batch.bytes")).toBe("16MiB");
  expect(of("format")).toBeUndefined();
});
