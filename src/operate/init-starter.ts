export const STARTER_SINKS = ["fs", "s3", "hdfs", "elasticsearch", "cassandra", "kafka"] as const;
export type StarterSink = (typeof STARTER_SINKS)[number];

export interface InitAnswers {
  readonly brokers: readonly string[];
  readonly group: string;
  readonly topics: readonly string[];
  readonly sinks: readonly StarterSink[];
  readonly format: "segment" | "ndjson";
  /** Null: no HTTP. */
  readonly http: string | null;
}

/** The settings of a sink, as lines of YAML; secrets come from the environment. */
const SINK_LINES: Readonly<Record<StarterSink, readonly string[]>> = {
  fs: [
    "# A folder of a shared file system; relative paths begin at this file's folder.",
    "path: ./archive",
  ],
  s3: [
    "# Ceph, MinIO or S3; the bucket has to exist.",
    'endpoint: "http://127.0.0.1:8000"',
    "region: default",
    "bucket: archive",
    'accessKeyId: "${env:S3_ACCESS_KEY_ID}"',
    'secretAccessKey: "${env:S3_SECRET_ACCESS_KEY}"',
  ],
  hdfs: [
    "# WebHDFS or HttpFS; several NameNodes may be named.",
    'url: "http://127.0.0.1:9870"',
    "user: archiver",
    "path: /archive",
  ],
  elasticsearch: [
    "# documents: every record, searchable; catalogue: a searchable index of the batches.",
    'url: "http://127.0.0.1:9200"',
    "mode: documents",
    "# A search index may be away for a while without holding up the archive:",
    "# whenAway: { detach: 30m }",
  ],
  cassandra: [
    'contactPoints: ["127.0.0.1:9042"]',
    "localDataCenter: datacenter1",
    "keyspace: archive",
  ],
  kafka: [
    "# Another cluster, with the same records in the same partitions.",
    'brokers: ["127.0.0.1:9192"]',
    "topicPrefix: copy.",
  ],
};

/** A commented configuration that loads as it is, and the variables it refers to. */
export function starterConfig(
  a: InitAnswers,
  schema: string,
): { readonly text: string; readonly variables: readonly string[] } {
  const text = `# yaml-language-server: $schema=${schema}
# Made by \`bulk-archiver init\`. Every key: docs/configuration.md; what it comes to: bulk-archiver check --explain

kafka:
  brokers: ${JSON.stringify(a.brokers)}
  # A name of this process that outlives restarts: a restart within sessionTimeout moves no partition.
  # instanceId: "\${env:HOSTNAME}"
  # ssl: { ca: ca.pem }
  # sasl: { mechanism: scram-sha-512, username: archiver, password: "\${env:KAFKA_PASSWORD}" }

# More processes with the same group share the partitions.
group: ${JSON.stringify(a.group)}
# Names, and expressions that new topics can match later: { regex: "^audit\\\\." }
topics: ${JSON.stringify(a.topics)}
# earliest | latest, only where nothing is committed or archived yet.
start: earliest

# A batch is cut at the first of these; larger batches make fewer files, older ones wait longer.
batch: { bytes: 16MiB, age: 60s }
# segment: Kafka's own bytes; ndjson: one JSON object a record.
format: ${a.format}
compression: { codec: zstd, level: 3 }
# bulk-archiver keygen --out keys makes both; the daemon cannot open what it encrypts.
# encryption: { recipients: ["age1…"], seedFile: keys/seed }

# For everything that is buffered, over all partitions.
memory: 256MiB
${a.http === null ? '# http: { listen: "127.0.0.1:9464" }' : `# Page, metrics and probes; what is not on loopback needs a token.\nhttp: { listen: ${JSON.stringify(a.http)} }`}

# Every batch goes to all of them, byte for byte; the first that creates atomically decides.
sinks:
${a.sinks.map((kind, i) => sinkLines(kind, nameOf(a.sinks, i))).join("\n")}
`;
  const names = [...text.replaceAll(/^ *#.*$/gm, "").matchAll(/\$\{env:(\w+)\}/g)];
  return { text, variables: [...new Set(names.map(([, name]) => name ?? ""))] };
}

/** `s3`, and `s3-2` where a kind is there twice. */
function nameOf(kinds: readonly StarterSink[], i: number): string {
  const before = kinds.slice(0, i).filter((kind) => kind === kinds[i]).length;
  return before === 0 ? (kinds[i] ?? "") : `${kinds[i]}-${before + 1}`;
}

const sinkLines = (kind: StarterSink, name: string): string =>
  [`  - name: ${name}`, `    kind: ${kind}`, ...SINK_LINES[kind].map((line) => `    ${line}`)].join(
    "\n",
  );
