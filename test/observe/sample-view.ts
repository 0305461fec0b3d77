import type { DaemonView } from "../../src/observe/daemon-host.ts";
import type { Manifest } from "../../src/core/description.ts";
import { makeManifest } from "../../src/core/manifest.ts";
import type { GroupReport, PartitionReport } from "../../src/observe/group-report.ts";
import type { PartitionStatus, SinkStatus, StatusReport } from "../../src/observe/status-report.ts";
import { description } from "./events.ts";
import { viewOf } from "./http-server.ts";

export interface SampleOptions {
  readonly topics: readonly (readonly [name: string, partitions: number])[];
  readonly members: number;
  /** The one process has them all. @default false */
  readonly alone?: boolean;
  readonly sinks: readonly (readonly [name: string, kind: string, where?: string])[];
}

export const SMALL: SampleOptions = {
  topics: [
    ["logs.web", 16],
    ["logs.app", 16],
    ["iot.telemetry", 12],
    ["audit.access", 8],
    ["payments.ledger", 8],
    ["orders.events", 4],
  ],
  members: 3,
  sinks: [
    ["files", "fs", "/mnt/archive"],
    ["ceph", "s3", "rgw.eu1:8000/archive"],
    ["lake", "hdfs", "nn1:9870, nn2:9870 /archive"],
  ],
};

/** 1,000 partitions in 14 topics. */
export const MANY: SampleOptions = {
  ...SMALL,
  topics: [
    ...([
      ["clicks.raw", 200],
      ["clicks.session", 150],
      ["metrics.host", 128],
    ] as const),
    ...([
      ["metrics.pod", 96],
      ["logs.web", 96],
      ["logs.app", 64],
      ["logs.db", 64],
    ] as const),
    ...([
      ["audit.access", 48],
      ["audit.change", 48],
      ["payments.ledger", 32],
    ] as const),
    ...([
      ["orders.events", 24],
      ["mail.outbound", 24],
      ["billing.usage", 16],
      ["config", 10],
    ] as const),
  ],
  members: 12,
};

/** What a daemon would say that archives so much; moved on by `tick`. */
export class SampleView {
  readonly #o: SampleOptions;
  readonly #rows: PartitionStatus[];
  #sinks: SinkStatus[];
  #ticks = 0;

  constructor(o: SampleOptions) {
    this.#o = o;
    this.#rows = o.topics.flatMap(([topic, count]) =>
      Array.from({ length: count }, (_v, partition) => rowOf(topic, partition)),
    );
    this.#sinks = o.sinks.map(([name, kind, where = ""], i) => ({
      ...(where === "" ? {} : { where }),
      ...{ name, kind, primary: i === 0, state: "ok", since: null, lastError: null, next: null },
      behind: 0n,
    }));
  }

  /** The partitions of one member; of a daemon among several only these are its own. */
  get own(): PartitionStatus[] {
    const share = Math.ceil(this.#rows.length / this.#o.members);
    return this.#rows.slice(0, this.#o.alone === true ? this.#rows.length : share);
  }

  tick(): void {
    this.#ticks += 1;
    for (const [i, row] of this.#rows.entries()) {
      if ((row.waitsFor ?? []).length > 0) continue;
      const end = (row.end ?? 0n) + BigInt((i * 7) % 90);
      const caught = (this.#ticks + i) % 9 === 0;
      const committed = caught ? end : (row.committed ?? 0n);
      const oldest = caught ? null : (row.oldestUnconfirmedMs ?? 0) + 1000;
      Object.assign(row, { end, committed, lag: end - committed, oldestUnconfirmedMs: oldest });
    }
  }

  /** A second's worth of records came, for the own partitions as many in every sample. */
  produce(second: number): void {
    for (const [i, row] of this.#rows.entries()) {
      const came = 4_000 + 500 * Math.sin(second / 300) + ((second * 7 + i) % 11) * 40;
      const by = BigInt(Math.round((came * 22) / this.own.length));
      if ((row.waitsFor ?? []).length > 0) {
        const end = (row.end ?? 0n) + by;
        Object.assign(row, { end, lag: end - (row.committed ?? 0n) });
        continue;
      }
      const committed = (row.committed ?? 0n) + by;
      const pendingPlans = row.pendingPlans.map(({ start, end }) => ({
        ...{ start: committed, end: committed + end - start },
      }));
      Object.assign(row, { end: (row.end ?? 0n) + by, committed, pendingPlans });
    }
  }

  set(index: number, change: Partial<PartitionStatus>): void {
    Object.assign(this.#rows[index] ?? {}, change);
  }

  sink(name: string, change: Partial<SinkStatus>): void {
    this.#sinks = this.#sinks.map((s) => (s.name === name ? { ...s, ...change } : s));
  }

  view(): DaemonView {
    return viewOf(() => this.status(), {
      self: () => "archiver-1",
      limits: () => ({ batchAgeMs: 60_000, unconfirmedMs: 180_000 }),
      groups: () => Promise.resolve([this.group()]),
      partition: (_group, topic, partition) => Promise.resolve(this.#detail(topic, partition)),
    });
  }

  /** The second sink holds other bytes than all others. */
  #copies(start: bigint): PartitionReport["copies"] {
    const digest = "9fd5e82375e7".repeat(5);
    return this.#sinks.map(({ name }, i) => ({
      ...{ sink: name, start, is: "whole" as const, end: start + 42_000n, reason: null },
      ...(i === 1
        ? { records: 41_102n, sizeBytes: 3_100_000, digest: "dc317786f4c6".repeat(5) }
        : { records: 41_998n, sizeBytes: 3_800_000, digest }),
    }));
  }

  #detail(topic: string, partition: number): PartitionReport | null {
    const row = this.#rows.find((r) => r.topic === topic && r.partition === partition);
    if (row === undefined) return null;
    const offset = row.committed ?? 0n;
    const manifests: Manifest[] = [];
    let link = "a".repeat(64);
    for (let i = 6n; i > 0n; i--) {
      const [start, end] = [offset - i * 42_000n, offset - (i - 1n) * 42_000n];
      const seal = {
        ...description().seal,
        size: 3_800_000,
        path: `data/${topic}/${start}.log.zst`,
      };
      const batch = { ...description(topic), partition, start, end, records: 41_998n, seal };
      const made = makeManifest({ ...batch, maxTimestamp: BigInt(Date.now()) - i * 60_000n }, link);
      manifests.unshift(made);
      ({ link } = made);
    }
    const sinks = this.#sinks.map(({ name, state }, i) => {
      const lacks = state !== "ok" || (row.state === "stopped" && i === 1);
      return { name, has: lacks ? ("none" as const) : ("whole" as const) };
    });
    return {
      ...{ group: "archiver", topic, topicId: row.topicId, partition, branch: 0 },
      copies: row.state === "stopped" ? this.#copies(offset) : [],
      slots: [{ start: offset, end: offset + 42_000n, sinks }],
      commit: { offset, raw: "ba1 1 …", chain: { offset, link }, behind: [] },
      ...{ source: "files", trouble: null, manifests, newest: JSON.stringify({ link }) },
    };
  }

  status(): StatusReport {
    return {
      ...{ tool: "bulk-archiver", version: "0.9.0", source: "daemon", group: "archiver" },
      clusterId: "prod-eu1",
      partitions: this.own.map((p) => ({ ...p })),
      sinks: this.#sinks,
      memory: { limit: 256 * 1024 ** 2, used: 143 * 1024 ** 2 },
      member: {
        id: "m1",
        generation: 7,
        instanceId: "archiver-1",
        state: "stable",
        lastError: null,
      },
    };
  }

  group(): GroupReport {
    const names = Array.from({ length: this.#o.members }, (_v, i) => `archiver-${i + 1}`);
    const share = Math.ceil(this.#rows.length / names.length);
    return {
      group: "archiver",
      members: names.map((name, i) => ({ name, host: `node-${i + 1}`, self: i === 0 })),
      partitions: this.#rows.map((p, i) => ({
        ...{ topic: p.topic, partition: p.partition, owner: names[Math.floor(i / share)] ?? null },
        ...{ committed: p.committed, end: p.end, plans: [], lacks: [], firstTimestampMs: null },
      })),
      proofs: new Map(
        this.#o.topics.map(([topic]) => [
          topic,
          {
            ...{ atMs: Date.now() - 312_000, problems: 0, grade: "stored", percent: 100 },
            ...{ across: true, againstKafka: false },
          } as const,
        ]),
      ),
      retentionMs: new Map(this.#o.topics.map(([topic]) => [topic, 7 * 86_400_000])),
    };
  }
}

function rowOf(topic: string, partition: number): PartitionStatus {
  const committed = 44_824_423n + BigInt(partition) * 1_000n;
  const end = committed + BigInt(partition * 137);
  return {
    ...{ group: "archiver", topic, topicId: "Zm9vYmFyYmF6cXV4MTIzNA", partition, branch: 0 },
    ...{ state: "running", committed, end, lag: end - committed },
    pendingPlans: partition % 3 === 0 ? [] : [{ start: committed, end: committed + 99n }],
    lastBatch: {
      ...{ start: committed - 42_531n, end: committed, records: 42_500n, size: 3_800_000 },
      ...{ path: "data/x", maxTimestamp: null },
    },
    waiting: null,
    oldestUnconfirmedMs: partition === 0 ? null : (partition * 1300) % 60_000,
    inFlight: partition % 3,
    waitsFor: [],
  };
}
