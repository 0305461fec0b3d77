import { type BadConfig, badSinkConfigs } from "./bad-sink-configs.ts";
import { badTls } from "./bad-tls-configs.ts";
import { edited } from "./load.ts";

const RECIPIENT = "age1ujceafm9n83y9tnu7py2l55rc8ykwjan4rejckrjtflqegxfkfps5ddh87";

/** What is written, and every line that the error says. `dir` is where the configuration lies. */
export const badConfigs = (dir: string): readonly BadConfig[] => [
  [
    "an unknown key at the top",
    edited({ 7: "recipients: []" }),
    ['7:1: unknown key "recipients"; known here: '],
  ],
  [
    "a mistyped key",
    edited({ 4: "topcs: [logs]" }),
    ['4:1: unknown key "topcs" (did you mean "topics"?)', '1:1: missing key "topics"'],
  ],
  [
    "a mistyped key of a section",
    edited({ 7: "encryption:", 8: `  recipient: [${RECIPIENT}]`, 9: "  seedFile: empty" }),
    [
      '8:3: encryption: unknown key "recipient" (did you mean "recipients"?)',
      '8:3: encryption: missing key "recipients"',
    ],
  ],
  [
    "a key in another case",
    edited({ 2: '  brokers: ["a:1"]\n  instanceID: x' }),
    ['3:3: kafka: unknown key "instanceID" (did you mean "instanceId"?)'],
  ],
  ["a key twice", edited({ 7: "group: other" }), ["7:1: Map keys must be unique"]],
  ["a group that is missing", edited({ 3: "" }), ['1:1: missing key "group"']],
  [
    "an empty section",
    edited({ 7: "batch:" }),
    ["7:1: batch: expected keys and values, found nothing"],
  ],
  ["no sinks", edited({ 5: "sinks: []", 6: "" }), ["5:8: sinks: at least one sink"]],
  [
    "a list where a text belongs",
    edited({ 3: "group: [a]" }),
    ["3:8: group: expected a text, found a list"],
  ],
  [
    "a broker without port",
    edited({ 2: "  brokers: [localhost]" }),
    ['2:13: kafka.brokers[0]: "localhost": expected host:port, such as 127.0.0.1:9092'],
  ],
  [
    "a port that is too high",
    edited({ 2: '  brokers: ["a:1", "b:70000"]' }),
    ['2:20: kafka.brokers[1]: "b:70000": expected host:port'],
  ],
  [
    "a size without unit",
    edited({ 7: "batch: { bytes: 16 }" }),
    ["7:17: batch.bytes: 16 has no unit: write 16MiB or 16B"],
  ],
  [
    "a size in bytes without unit",
    edited({ 7: "batch: { bytes: 16777216 }" }),
    ["7:17: batch.bytes: 16777216 has no unit: write 16MiB"],
  ],
  [
    "a wrong unit of size",
    edited({ 7: "memory: 512mb" }),
    ['7:9: memory: "512mb": expected a size such as 16MiB', "did you mean 512MB?"],
  ],
  [
    "a size with a space",
    edited({ 7: "memory: 512 MiB" }),
    ['7:9: memory: "512 MiB": expected a size', "did you mean 512MiB?"],
  ],
  [
    "a size that is no size",
    edited({ 7: "memory: lots" }),
    ['7:9: memory: "lots": expected a size such as 16MiB (B, kB, KiB, MB, MiB, GB, GiB, TiB)'],
  ],
  [
    "a time without unit",
    edited({ 7: "batch: { age: 60 }" }),
    ["7:15: batch.age: 60 has no unit: write 60s or 60ms"],
  ],
  [
    "a time in words",
    edited({ 7: "batch: { age: 5 minutes }" }),
    ['7:15: batch.age: "5 minutes"', "did you mean 5m?"],
  ],
  [
    "a time out of bounds",
    edited({ 7: "batch: { age: 2d }" }),
    ["7:15: batch.age: 2d is out of bounds: from 10ms to 1d"],
  ],
  [
    "a heartbeat that is too slow",
    edited({ 2: '  brokers: ["a:1"]\n  sessionTimeout: 6s\n  heartbeat: 3s' }),
    ["4:14: kafka.heartbeat: at most a third of sessionTimeout"],
  ],
  [
    "too little memory",
    edited({ 7: "memory: 16MiB" }),
    [
      "7:9: memory: 16MiB is less than twice batch.bytes (16MiB): a batch is held raw and sealed; set at least 32MiB",
    ],
  ],
  [
    "batches too large for the default memory",
    edited({ 7: "batch: { bytes: 200MiB }" }),
    ["7:17: batch.bytes: memory: 256MiB is less than twice batch.bytes (200MiB)"],
  ],
  [
    "an unknown format",
    edited({ 7: "format: segmnt" }),
    ['7:9: format: "segmnt" is not one of segment, ndjson (did you mean "segment"?)'],
  ],
  [
    "an unknown codec",
    edited({ 7: "compression: { codec: snappy }" }),
    ['7:23: compression.codec: "snappy" is not one of zstd, gzip, none'],
  ],
  [
    "a level that gzip has not",
    edited({ 7: "compression: { codec: gzip, level: 12 }" }),
    ["7:36: compression.level: gzip has levels 1 to 9"],
  ],
  [
    "a level that is no number",
    edited({ 7: "compression: { level: high }" }),
    ['7:23: compression.level: expected a number, found the text "high"'],
  ],
  [
    "an expression as a name",
    edited({ 4: 'topics: ["^audit.*"]' }),
    [
      '4:10: topics[0]: "^audit.*" is no topic name; an expression is written { regex: "^audit.*" }',
    ],
  ],
  [
    "an expression that is none",
    edited({ 4: 'topics: [{ regex: "(" }]' }),
    ["4:19: topics[0].regex: Invalid regular expression"],
  ],
  [
    "a mistyped key in a union",
    edited({ 4: "topics: [a, { regx: b }]" }),
    [
      '4:15: topics[1]: unknown key "regx" (did you mean "regex"?)',
      '4:13: topics[1]: missing key "regex"',
    ],
  ],
  [
    "a number as a topic",
    edited({ 4: "topics: [5]" }),
    ["4:10: topics[0]: expected a text or keys and values, found 5"],
  ],
  [
    "an identity as recipient",
    edited({ 7: "encryption: { recipients: [AGE-SECRET-KEY-1ABC], seedFile: empty }" }),
    ["7:28: encryption.recipients[0]: this is an identity, the secret half"],
  ],
  [
    "a recipient with a wrong checksum",
    edited({
      7: `encryption: { recipients: [${RECIPIENT.replace("ujc", "ujd")}], seedFile: empty }`,
    }),
    ["7:28: encryption.recipients[0]:", "is no age recipient"],
  ],
  [
    "a seed file that is not there",
    edited({ 7: `encryption: { recipients: [${RECIPIENT}], seedFile: ./nope }` }),
    [`7:103: encryption.seedFile: cannot read ${dir}/nope: there is no such file (ENOENT)`],
  ],
  [
    "an unset variable",
    edited({ 3: 'group: "${env:GROUPE}"' }),
    ['3:8: group: the environment variable GROUPE is not set (did you mean "GROUP"?)'],
  ],
  [
    "a missing file reference",
    edited({ 3: 'group: "${file:./nope}"' }),
    [`3:8: group: cannot read ${dir}/nope: there is no such file`],
  ],
  [
    "an unknown reference",
    edited({ 3: 'group: "${ENV}"' }),
    ["3:8: group: ${ENV} is no reference: write ${env:NAME} or ${file:/path}"],
  ],
  [
    "a reference without end",
    edited({ 3: 'group: "${env:GROUP"' }),
    ["3:8: group: ${env:GROUP has no closing brace"],
  ],
  [
    "a listen address without port",
    edited({ 7: "http: { listen: 9464 }" }),
    ["7:17: http.listen: expected a text, found 9464"],
  ],
  ...badSinkConfigs,
  [
    "a name with a slash",
    edited({ 6: "  - { name: a/b, kind: fs, path: a }" }),
    ["6:13: sinks[0].name: a name has 1 to 63 letters, digits, dots, dashes or underscores"],
  ],
  [
    "an unknown mechanism",
    edited({ 2: '  brokers: ["a:1"]\n  sasl: { mechanism: PLAIN, username: a, password: b }' }),
    [
      '3:22: kafka.sasl.mechanism: "PLAIN" is not one of plain, scram-sha-256, scram-sha-512, oauthbearer (did you mean "plain"?)',
    ],
  ],
  [
    "a user without password",
    edited({ 2: '  brokers: ["a:1"]\n  sasl: { mechanism: plain, username: a }' }),
    ['3:9: kafka.sasl: missing key "password"'],
  ],
  [
    "a token from nowhere",
    edited({ 2: '  brokers: ["a:1"]\n  sasl: { mechanism: oauthbearer }' }),
    ["3:9: kafka.sasl: exactly one of tokenFile and tokenEndpoint says where tokens come from"],
  ],
  [
    "a CA that is no PEM file",
    edited({ 2: '  brokers: ["a:1"]\n  ssl: { ca: not-pem }' }),
    [`3:14: kafka.ssl.ca: ${dir}/not-pem is not a PEM file`],
  ],
  [
    "a certificate without key",
    edited({ 2: '  brokers: ["a:1"]\n  ssl: { cert: not-pem }' }),
    ["3:8: kafka.ssl: cert and key belong together"],
  ],
  [
    "a file without end",
    edited({ 3: 'group: "${file:/dev/zero}"' }),
    ["3:8: group: /dev/zero is larger than 1 MiB: the wrong file?"],
  ],
  ...badTls,
  [
    "both forms at once",
    edited({ 7: "pipelines: [{ name: a, group: b, topics: [c], sinks: [files] }]" }),
    [
      '3:1: with "pipelines", "group" belongs into each pipeline',
      '4:1: with "pipelines", "topics" belongs into each pipeline',
    ],
  ],
  [
    "a pipeline with an unknown sink",
    edited({ 3: "pipelines: [{ name: a, group: b, topics: [c], sinks: [file] }]", 4: "" }),
    ['3:55: pipelines[0].sinks[0]: no sink is named "file" (did you mean "files"?)'],
  ],
  [
    "two pipelines of one group",
    edited({
      3: "pipelines:\n  - { name: a, group: g, topics: [c], sinks: [files] }\n  - { name: b, group: g, topics: [d], sinks: [files] }",
      4: "",
    }),
    ['5:23: pipelines[1].group: a second group "g"'],
  ],
  [
    "one topic twice into one sink",
    edited({
      3: "pipelines:\n  - { name: a, group: g, topics: [c], sinks: [files] }\n  - { name: b, group: h, topics: [c], sinks: [files] }",
      4: "",
    }),
    ['5:35: pipelines[1].topics[0]: pipeline "a" already archives it to a sink of this one'],
  ],
  [
    "a topic that another pipeline's expression matches, into one sink",
    edited({
      3: "pipelines:\n  - { name: a, group: g, topics: [{ regex: '^c' }], sinks: [files] }\n  - { name: b, group: h, topics: [cd], sinks: [files] }",
      4: "",
    }),
    ['5:35: pipelines[1].topics[0]: pipeline "a" already archives it to a sink of this one'],
  ],
  [
    "memory for one pipeline, not for both",
    edited({
      3: "memory: 48MiB\npipelines:\n  - { name: a, group: g, topics: [c], sinks: [files] }\n  - { name: b, group: h, topics: [d], sinks: [files] }",
      4: "",
    }),
    [
      "3:9: memory: 48MiB is less than twice batch.bytes of all 2 pipelines together, and each needs its own: set at least 64MiB",
    ],
  ],
  [
    "broken YAML",
    edited({ 4: "topics: [logs" }),
    ["5:1: Flow sequence in block collection must be sufficiently indented"],
  ],
  ["an empty file", "", ["1:1: the file is empty or not keys and values"]],
  ["a list as a file", "- a\n", ["1:1: the file is empty or not keys and values"]],
];
