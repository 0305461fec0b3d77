import { setTimeout as sleep } from "node:timers/promises";
import { bigRecord, bulkRecords, oddRecords, record } from "../../integration/odd-records.ts";
import { RawProducer } from "../../integration/raw-producer.ts";
import { rot } from "../../integration/rotten-log.ts";
import { groupsAreReady, until } from "../../kafka/live-kafka.ts";
import type { RecordCodec } from "../../../src/record-batch/header.ts";
import { parse } from "../../../src/core/json.ts";
import type { StatusReport } from "../../../src/observe/status-report.ts";
import { freePorts } from "../../servers/server-process.ts";
import { apart } from "../apart.ts";
import { AUDITED } from "../promises.ts";
import type { Settings } from "../settings.ts";
import type { FaultCase, Stage } from "../stage.ts";

const CODECS: readonly RecordCodec[] = ["none", "gzip", "snappy", "lz4", "zstd"];
const ARCHIVED_MS = 60_000;
/** 200 partitions are looked at in every sink before they are fetched. */
const TOLD_MS = 120_000;

/** Two groups archive the topic: record batches as they are, and lines of JSON. */
const FORMATS = {
  segment: { sinks: { files: "kind: fs, path: ./files", copy: "kind: fs, path: ./copy" } },
  ndjson: { sinks: { lines: "kind: fs, path: ./lines" } },
};

const groupOf = (s: Stage, format: keyof typeof FORMATS): string => `${s.topic}-${format}`;

/** The first one can be asked how it is. */
async function inBothFormats(s: Stage): Promise<readonly [string, string]> {
  const [port = 0] = await freePorts(1);
  const more = `http: { listen: "127.0.0.1:${port}" }`;
  const config = (format: keyof typeof FORMATS, of: Settings): string =>
    s.config(`${format}.yaml`, { ...FORMATS[format], format, group: groupOf(s, format), ...of });
  return [config("segment", { more }), config("ndjson", {})];
}

async function bothAudited(s: Stage, configs: readonly string[]): Promise<void> {
  for (const format of ["segment", "ndjson"] as const) await s.settled(groupOf(s, format));
  await s.drained();
  await s.audited();
  await s.audited(["lines"]);
  for (const config of configs) await s.verified(config);
}

const line = (text: string) => record(BigInt(Date.now()), text.slice(0, 3), text);

/** One transaction over all partitions, in several record batches each. */
async function transaction(
  p: RawProducer,
  s: Stage,
  name: string,
  end: "commit" | "abort" | "leave open",
): Promise<readonly bigint[]> {
  const { topic, partitions } = s.live;
  const first: bigint[] = [];
  for (let at = 0; at < partitions; at += 1) {
    await p.add(topic, at);
    const codec = CODECS[at % CODECS.length] ?? "none";
    first.push(await p.send(topic, at, [line(`${name} 1`), line(`${name} 2`)], codec));
    await p.send(topic, at, [line(`${name} 3`)], codec);
  }
  if (end !== "leave open") await p.end(end === "commit");
  return first;
}

async function everyShape(s: Stage, producers: readonly RawProducer[]): Promise<void> {
  const [one, two, plain] = producers as [RawProducer, RawProducer, RawProducer];
  const { topic, partitions } = s.live;
  for (const end of ["commit", "abort", "commit"] as const) {
    await transaction(one, s, end, end);
    // Empty: markers and nothing else.
    await two.add(topic, 0);
    await two.end(end === "abort");
  }
  // One inside the other, with what belongs to none between them.
  for (const [inner, outer] of [
    ["commit", "abort"],
    ["abort", "commit"],
    ["abort", "abort"],
  ] as const) {
    await transaction(one, s, `outer ${outer}`, "leave open");
    await transaction(two, s, `inner ${inner}`, inner);
    for (let at = 0; at < partitions; at += 1) await plain.send(topic, at, [line("plain")]);
    await one.end(outer === "commit");
  }
}

const poisoned = (name: string, partitions: number): FaultCase => ({
  name,
  shows: [...AUDITED, "waits", "damage-is-an-error"],
  run: (outer) =>
    apart(
      outer,
      { heap: "768m" },
      async (s) => {
        const config = await s.archivedOnce();
        const [rotten = 0n] = await s.live.ends();
        await s.put(Math.max(600, 20 * partitions));
        const ends = await s.live.ends();
        await rotted(s, rotten);
        s.injected.push(`a bit of the record batch at offset ${rotten} is flipped, the CRC stays`);
        s.start(config);
        await s.says(/corrupt-record-batch/, TOLD_MS);
        await until("the other partitions are archived", ARCHIVED_MS, async () => {
          await sleep(200);
          const committed = await s.live.committed(s.topic);
          return ends.every((end, p) => committed[p] === (p === 0 ? rotten : end));
        });
        s.reported.push(`partition 0 waits at ${rotten}, the other ${partitions - 1} are archived`);
        await s.drained();
        await rotted(s, rotten);
        s.injected.push("then it is as it was, as after a new leader with a good copy");
        await s.goesOn(config);
      },
      partitions,
    ),
});

export const RECORDS: readonly FaultCase[] = [
  {
    name: "records null, empty, huge and not UTF-8, in every codec",
    shows: AUDITED,
    partitions: CODECS.length,
    run: async (s) => {
      const plain = await RawProducer.open(s.kafka.bootstrap, null);
      try {
        const configs = await inBothFormats(s);
        for (const config of configs) s.start(config);
        const now = BigInt(Date.now());
        for (const [partition, codec] of CODECS.entries()) {
          for (const records of [oddRecords(now), [bigRecord(now, codec)], bulkRecords(now, 40)]) {
            await plain.send(s.topic, partition, records, codec);
          }
        }
        s.injected.push(`odd records and one of 10 MB in ${CODECS.join(", ")}`);
        await bothAudited(s, configs);
      } finally {
        await plain.close();
      }
    },
  },
  {
    name: "transactions of every shape, one of them hanging",
    shows: [...AUDITED, "waits"],
    run: async (s) => {
      const ids = ["a", "b", "hangs"].map((id) => `${s.topic}-${id}`);
      const { bootstrap } = s.kafka;
      const [one, two, hanging] = (await Promise.all(
        ids.map((id) => RawProducer.open(bootstrap, id)),
      )) as [RawProducer, RawProducer, RawProducer];
      const plain = await RawProducer.open(bootstrap, null);
      try {
        await everyShape(s, [one, two, plain]);
        for (const at of [0, 1, 2]) await plain.send(s.topic, at, [line("before it hangs")]);
        const opened = await transaction(hanging, s, "hangs", "leave open");
        for (const at of [0, 1, 2]) await plain.send(s.topic, at, [line("behind it")]);
        const configs = await inBothFormats(s);
        for (const config of configs) s.start(config);
        for (const format of ["segment", "ndjson"] as const) {
          await until(`${format} is archived up to the open transaction`, ARCHIVED_MS, async () => {
            const committed = await s.live.committed(groupOf(s, format));
            return opened.every((offset, p) => committed[p] === offset);
          });
        }
        s.injected.push("committed, aborted, empty and nested ones; then one stays open");
        await heldBack(s, configs[0]);
        endedByTool(s, opened);
        s.injected.push("the open one is ended by Kafka's own kafka-transactions");
        for (const at of [0, 1, 2]) await plain.send(s.topic, at, [line("after it")]);
        await bothAudited(s, configs);
      } finally {
        for (const p of [one, two, hanging, plain]) await p.close();
      }
    },
  },
  poisoned("a record batch rots in Kafka's log", 3),
  poisoned("200 partitions, a record batch of one rots in Kafka's log", 200),
];

/** `status` says that a transaction is open: nothing else would tell it from a topic without records. */
async function heldBack(s: Stage, config: string): Promise<void> {
  const { code, stdout, stderr } = await s.cli("status", "--config", config, "--json");
  if (code !== 0) throw new Error(`status ends with ${code}: ${stderr}`);
  const { partitions } = parse(stdout) as StatusReport;
  for (const { partition, waiting } of partitions) {
    const said = /an open transaction holds \d+ offsets back/.test(waiting ?? "");
    s.expect(said, `status says of partition ${partition} that it is held back, not ${waiting}`);
    s.reported.push(`status of partition ${partition}: ${waiting}`);
  }
  s.expect(partitions.length === 3, "status names each partition");
}

/** As an operator does who found the transaction by `find-hanging`. */
function endedByTool(s: Stage, starts: readonly bigint[]): void {
  for (const [partition, start] of starts.entries()) {
    s.kafka.tool("org.apache.kafka.tools.TransactionsCommand", [
      ...["--bootstrap-server", s.kafka.bootstrap, "abort", "--topic", s.topic],
      ...["--partition", String(partition), "--start-offset", String(start)],
    ]);
  }
}

async function rotted(s: Stage, offset: bigint): Promise<void> {
  await s.kafka.shutDown(0);
  rot(s.kafka.logDirs[0] ?? "", s.topic, 0, offset);
  await s.kafka.restart(0);
  await groupsAreReady(s.kafka.bootstrap);
}
