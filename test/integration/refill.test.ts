import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CODECS } from "../../src/record-batch/header.ts";
import { readTopic } from "../audit/topic-side.ts";
import { createTopic, named, sharedKafka } from "../kafka/live-kafka.ts";
import { Lanes } from "./lanes.ts";
import { manifestsOf } from "./manifests.ts";
import { bulkRecords, oddRecords } from "./odd-records.ts";
import { RawProducer } from "./raw-producer.ts";

const topic = named("refill");
const SINKS = ["first", "second"];
let producer: RawProducer;
let lanes: Lanes;
let sent = 0;

async function put(rounds: number): Promise<void> {
  const now = BigInt(Date.now());
  for (let i = 0; i < rounds; i += 1) {
    for (const partition of [0, 1, 2]) {
      const records = i === 0 ? oddRecords(now) : bulkRecords(now, 60);
      await producer.send(topic, partition, records, CODECS[(i + partition) % CODECS.length]);
      sent += records.length;
    }
  }
}

/** Data and manifests of a sink by path; nothing else counts. */
function filesOf(sink: string): Map<string, string> {
  const root = lanes.archive(sink);
  const files = new Map<string, string>();
  for (const kind of ["data", "manifests"]) {
    for (const e of readdirSync(join(root, kind), { recursive: true, withFileTypes: true })) {
      const path = join(e.parentPath, e.name);
      if (e.isFile()) files.set(path.slice(root.length), readFileSync(path).toString("base64"));
    }
  }
  return files;
}

type Lost = readonly [data: string, manifest: string];

/** Paths of one batch of partition 0, counted from the first or, below 0, from the last. */
function batchOf(sink: string, index: number): Lost {
  const found = manifestsOf(lanes.archive(sink), topic)
    .filter((m) => m.partition === 0)
    .at(index);
  const path = found?.seal.path ?? "";
  const manifest = path.replace(/^data/, "manifests").replace(/\.log.*$/, ".json");
  return [path, manifest];
}

/** Not by a comparison that would print whole files. */
function sameFiles(): boolean {
  const [first, second] = SINKS.map(filesOf) as [Map<string, string>, Map<string, string>];
  return first.size === second.size && [...first].every(([path, b]) => second.get(path) === b);
}

beforeAll(async () => {
  await createTopic(topic, 3);
  producer = await RawProducer.open(sharedKafka(), null);
  lanes = await Lanes.prepare({
    bootstrap: sharedKafka(),
    lanes: [
      {
        ...{ name: "both", topics: [topic], encrypted: true, sinks: SINKS },
        batch: "{ bytes: 32KiB, age: 300ms }",
      },
    ],
  });
  await put(6);
  lanes.start();
  await lanes.archived("both", [topic]);
});
afterAll(async () => {
  await lanes.close();
  await producer.close();
});

describe("a sink that lost what it had while no daemon ran", () => {
  it.each([
    ["the second one", "second"],
    ["the primary", "first"],
  ])("is filled again byte for byte: %s", async (_, sink) => {
    await lanes.daemon.drain();
    const before = filesOf(sink);
    expect(before.size).toBeGreaterThan(12);
    for (const kind of ["data", "manifests"]) {
      rmSync(join(lanes.archive(sink), kind), { recursive: true });
    }
    lanes.start();
    await put(2);
    await lanes.archived("both", [topic]);
    const after = filesOf(sink);
    for (const [path, bytes] of before) expect(after.get(path) === bytes, path).toBe(true);
    expect(sameFiles()).toBe(true);
    for (const name of SINKS) expect((await lanes.audit(name, topic)).records).toBe(sent);
    expect((await lanes.verified("both")).across?.ok).toBe(true);
  });

  it("is filled at its tip; a loss further back is what verify is for", async () => {
    await lanes.daemon.drain();
    const [, early, last] = [0, 1, -1].map((i) => batchOf("second", i)) as [Lost, Lost, Lost];
    for (const path of last) rmSync(join(lanes.archive("second"), path));
    lanes.start();
    await put(1);
    await lanes.archived("both", [topic]);
    expect(sameFiles()).toBe(true);
    for (const path of early) rmSync(join(lanes.archive("second"), path));
    const { ok, sinks } = await lanes.verify("--sink", "first", "--sink", "second");
    expect([ok, ...sinks.map((s) => s.ok)]).toEqual([false, true, false]);
    expect(sinks[1]?.partitions.map((p) => p.gaps.length)).toEqual([1, 0, 0]);
    for (const path of early)
      copyFileSync(join(lanes.archive("first"), path), join(lanes.archive("second"), path));
    await lanes.verified("both");
  });
});

describe("Kafka's own DumpLogSegments", () => {
  it("prints every record of a segment file that was decrypted and decompressed", async () => {
    const dir = join(lanes.dir, "dump");
    mkdirSync(dir);
    const files = manifestsOf(lanes.archive("first"), topic).map(({ partition, start, seal }) => {
      // The tool wants a segment's own name; partitions need folders of their own.
      const to = join(dir, String(partition));
      mkdirSync(to, { recursive: true });
      const sealed = join(lanes.archive("first"), seal.path);
      const script = 'set -o pipefail; age -d -i "$1" "$2" | zstd -dcq';
      const bytes = execFileSync("bash", ["-c", script, "open", lanes.identity, sealed], {
        maxBuffer: 1 << 28,
      });
      const path = join(to, `${String(start).padStart(20, "0")}.log`);
      writeFileSync(path, bytes);
      return path;
    });
    const dumped = dump(files);
    const seen = new Map<string, string>();
    for await (const r of readTopic({ bootstrap: sharedKafka(), topic })) {
      const size = (b: Buffer | null): number => b?.length ?? -1;
      const names = r.headers.map(([key]) => key.toString("utf8"));
      const stamp = `CreateTime: ${r.timestamp}`;
      seen.set(
        `${r.partition}/${r.offset}`,
        `${stamp} ${size(r.key)} ${size(r.value)} ${names.length}`,
      );
    }
    expect(seen.size).toBe(sent);
    expect(dumped).toEqual(seen);
  });
});

/** What the tool says of each record: time and its type, sizes of key and value, number of headers. */
function dump(files: readonly string[]): Map<string, string> {
  const cp = process.env["TEST_KAFKA_CP"] ?? "";
  const args = ["--deep-iteration", "--print-data-log", "--files", files.join(",")];
  const text = execFileSync(
    "java",
    ["-Xmx256m", "-cp", cp, "kafka.tools.DumpLogSegments", ...args],
    { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] },
  );
  const found = new Map<string, string>();
  let partition = "";
  for (const line of text.split("\n")) {
    partition = /^Dumping .*\/(\d+)\/\d{20}\.log$/.exec(line)?.[1] ?? partition;
    const r =
      /^\| offset: (\d+) (CreateTime: -?\d+) keySize: (-?\d+) valueSize: (-?\d+) .*headerKeys: \[/.exec(
        line,
      );
    if (r === null) continue;
    const headers = /headerKeys: \[(.*?)\](?: key: | payload: |$)/.exec(line)?.[1] ?? "";
    const count = headers === "" ? 0 : headers.split(",").length;
    found.set(`${partition}/${r[1]}`, `${r[2]} ${r[3]} ${r[4]} ${count}`);
  }
  return found;
}
