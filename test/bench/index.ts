import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { batchesOf, remove } from "../operate/archive-damage.ts";
import {
  drop,
  IDENTITY,
  newSink,
  SampleChain,
  sampleRecords,
  type SampleSink,
  SCOPE,
  sealed,
} from "../operate/sample-archive.ts";
import { type Cost, measured } from "./measure.ts";

/**
 * Commands over an archive of many small batches, made by the sealing and the sink that the daemon uses: time
 * and peak memory, for an archive and for one with a tenth of its batches. Fails when a command's memory
 * grows with the number of batches. Without Kafka (`--bootstrap`) `replay` is left out.
 */
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const kind = { format: "ndjson", encrypted: false } as const;
const MISSING = 100;
/** With a tight heap a tenfold archive may take this much more: some lists of names, no list of batches. */
const MOST_GROWTH = 1.25;
/** The collector lets garbage lie around for as long as it may: so it may not, and what is held shows. */
const TIGHT = "--max-semi-space-size=1 --max-old-space-size=64";

export interface IndexBench {
  readonly batches: number;
  /** Of a Kafka that any topic may be asked of. */
  readonly bootstrap: string | undefined;
}

export interface IndexRow extends Cost {
  readonly name: string;
  /** Peak memory with a tight heap. */
  readonly heldMb: number;
}

interface Archive {
  readonly dir: string;
  readonly files: SampleSink;
  /** `files` and a copy of it that lacks some batches. */
  readonly config: string;
}

/** @throws Error when memory grows with the batches */
export async function benchIndex({ batches, bootstrap }: IndexBench): Promise<void> {
  const few = await measuredAll(Math.ceil(batches / 10), bootstrap);
  const many = await measuredAll(batches, bootstrap);
  const growths = many.map((row, i) => row.heldMb / (few[i]?.heldMb ?? 0));
  console.log(
    `\n  ${"".padEnd(WIDTH)}       s    CPU s  peak MB  held MB  × of ${Math.ceil(batches / 10)} batches`,
  );
  for (const [i, r] of many.entries()) {
    const [wall, cpu] = [r.wallSeconds.toFixed(1).padStart(8), r.cpuSeconds.toFixed(1).padStart(9)];
    const peak = r.peakMb.toFixed(0).padStart(9);
    const held = r.heldMb.toFixed(0).padStart(9);
    console.log(
      `  ${r.name.padEnd(WIDTH)}${wall}${cpu}${peak}${held}  ${(growths[i] ?? 0).toFixed(2)}`,
    );
  }
  const grown = many.filter((_, i) => !((growths[i] ?? 0) < MOST_GROWTH));
  if (grown.length > 0) {
    const names = grown.map(({ name }) => name).join("; ");
    throw new Error(`memory grows with the number of batches: ${names}`);
  }
}

const WIDTH = 46;

async function measuredAll(
  batches: number,
  bootstrap: string | undefined,
): Promise<readonly IndexRow[]> {
  console.log(`making an archive of ${batches} batches …`);
  const archive = await archiveOf(batches, bootstrap);
  try {
    const rows: IndexRow[] = [];
    for (const [name, args] of commandsOn(archive, batches, bootstrap !== undefined)) {
      const line = (flags: string): string =>
        // 3: it says that something is missing, which is what it was asked for.
        `${process.execPath} ${flags} ${MAIN} ${args} --config ${archive.config} > /dev/null || [ $? = 3 ]`;
      const cost = await measured(line(""));
      const { peakMb: heldMb } = await measured(line(TIGHT));
      rows.push({ name, ...cost, heldMb });
      const spent = `${cost.wallSeconds.toFixed(1)} s, CPU ${cost.cpuSeconds.toFixed(1)} s`;
      console.log(`  ${name}: ${spent}, ${cost.peakMb.toFixed(0)} MB`);
    }
    return rows;
  } finally {
    await drop(archive.files);
    rmSync(archive.dir, { recursive: true, force: true });
  }
}

function commandsOn(
  { dir }: Archive,
  batches: number,
  withKafka: boolean,
): readonly (readonly [name: string, args: string])[] {
  const late = new Date(1_700_000_000_000 + (batches - 5) * 10).toISOString();
  const own = "--sink files";
  const reconcile = "reconcile --source files --target copy --no-kafka";
  const replay = `replay --topic ${SCOPE.topic} --topic-id ${SCOPE.topicId} --sink files --dry-run`;
  return [
    ["list", `list ${own} --json`],
    ["cat --from, a time near the end", `cat ${own} --from ${late}`],
    ["cat --key", `cat ${own} --key key-17`],
    ["verify --quick", `verify ${own} --quick`],
    ["verify --sample 5%", `verify ${own} --sample 5%`],
    ["verify --deep", `verify ${own} --deep`],
    ["index", `index ${own}`],
    ["list, with roll-ups", `list ${own} --json`],
    ["cat --from, with roll-ups", `cat ${own} --from ${late}`],
    ["verify --quick, with roll-ups", `verify ${own} --quick`],
    ["index --keys", `index ${own} --keys`],
    ["cat --key, with filters", `cat ${own} --key key-17`],
    [`reconcile --dry-run, ${MISSING} missing`, `${reconcile} --dry-run`],
    [`reconcile, ${MISSING} missing`, reconcile],
    ["verify --across-sinks", "verify --across-sinks"],
    ["export", `export ${own} --topic ${SCOPE.topic} --out ${join(dir, "out")}`],
    ...(withKafka ? ([["replay --dry-run", replay]] as const) : []),
  ];
}

async function archiveOf(batches: number, bootstrap: string | undefined): Promise<Archive> {
  const dir = mkdtempSync(join(tmpdir(), "archiver-bench-index-"));
  const clusterId =
    bootstrap === undefined ? IDENTITY.clusterId : await clusterWithTopic(bootstrap);
  const identity = { ...IDENTITY, clusterId };
  const files = await newSink("files", identity);
  const chain = new SampleChain([files]);
  for (let start = 0n; start < BigInt(batches) * 10n; start += 10n)
    await chain.publish(sealed(kind, start, sampleRecords(start), identity));
  const copy = join(dir, "copy");
  cpSync(files.dir, copy, { recursive: true });
  const step = Math.max(1, Math.floor(batches / MISSING));
  const lost = batchesOf(copy).filter((_, i) => i % step === 0);
  for (const { data, manifest } of lost.slice(0, MISSING)) remove(data, manifest);
  const config = join(dir, "c.yaml");
  writeFileSync(
    config,
    `kafka: { brokers: [${JSON.stringify(bootstrap ?? "127.0.0.1:1")}] }\ngroup: g\ntopics: [${SCOPE.topic}]\n` +
      `sinks:\n  - { name: files, kind: fs, path: ${files.dir} }\n` +
      `  - { name: copy, kind: fs, path: ${copy} }\n`,
  );
  return { dir, files, config };
}

/** `replay` asks Kafka what is there, and whether it is the archive's. */
async function clusterWithTopic(bootstrap: string): Promise<string> {
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic: SCOPE.topic }] });
    return (await admin.describeCluster()).clusterId;
  } finally {
    await admin.disconnect();
  }
}

async function alone(): Promise<void> {
  const { values } = parseArgs({
    options: {
      batches: { type: "string", default: "20000" },
      bootstrap: { type: "string" },
    },
  });
  await benchIndex({ batches: Number(values.batches), bootstrap: values.bootstrap });
}

if (import.meta.main) await alone();
