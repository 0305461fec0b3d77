export interface Settings {
  readonly group?: string;
  readonly topics?: readonly string[];
  /** Addresses with commas between them. */
  readonly bootstrap?: string;
  readonly format?: "segment" | "ndjson";
  readonly batch?: string;
  readonly compression?: string;
  /** Lines of the seed file; false: nothing is encrypted. */
  readonly seedFile?: string | false;
  /** YAML of each sink, below `name`. */
  readonly sinks?: Readonly<Record<string, string>>;
  readonly more?: string;
}

interface Needed {
  readonly topic: string;
  readonly recipient: string;
  readonly bootstrap: string;
}

/** Two folders, encrypted, small batches, where the settings say nothing else. */
export function configText(s: Settings & Needed): string {
  const seed = s.seedFile ?? "seed";
  const sinks = s.sinks ?? { files: "kind: fs, path: ./files", copy: "kind: fs, path: ./copy" };
  const brokers = JSON.stringify(s.bootstrap.split(","));
  const lines = [
    `kafka: { brokers: ${brokers}, sessionTimeout: 6s, heartbeat: 500ms }`,
    `group: ${s.group ?? s.topic}`,
    `topics: [${(s.topics ?? [s.topic]).join(", ")}]`,
    `batch: ${s.batch ?? "{ bytes: 64KiB, age: 500ms }"}`,
    `format: ${s.format ?? "segment"}`,
    `compression: ${s.compression ?? "{ codec: zstd }"}`,
    "memory: 64MiB",
    ...(seed === false
      ? []
      : [`encryption: { recipients: [${s.recipient}], seedFile: ./${seed} }`]),
    ...(s.more === undefined ? [] : [s.more]),
    "sinks:",
    ...Object.entries(sinks).map(([name, yaml]) => `  - { name: ${name}, ${yaml} }`),
  ];
  return `${lines.join("\n")}\n`;
}
