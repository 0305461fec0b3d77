import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { drop, newSink, SampleChain, SCOPE } from "../operate/sample-archive.ts";
import { type Cost, measured } from "./measure.ts";

/**
 * Look-ups in an archive of many batches, made by the sealing and the sink that the daemon uses: time and
 * memory of list, index, verify and a look-up by time, without and with roll-ups.
 * `node test/bench/index.ts [batches]` runs it alone; it needs no Kafka.
 */
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const kind = { format: "segment", encrypted: false } as const;

export interface IndexRow extends Cost {
  readonly name: string;
}

export async function benchIndex(batches: number): Promise<readonly IndexRow[]> {
  const dir = mkdtempSync(join(tmpdir(), "archiver-bench-index-"));
  const archive = await newSink("files");
  try {
    const chain = new SampleChain([archive]);
    for (let i = 0; i < batches; i += 1) await chain.add(kind, BigInt(i) * 10n);
    const config = join(dir, "c.yaml");
    writeFileSync(
      config,
      `kafka: { brokers: ["127.0.0.1:1"] }\ngroup: g\ntopics: [${SCOPE.topic}]\n` +
        `sinks:\n  - { name: files, kind: fs, path: ${archive.dir} }\n`,
    );
    const late = new Date(1_700_000_000_000 + (batches - 5) * 10).toISOString();
    const rows: IndexRow[] = [];
    const run = async (name: string, args: string): Promise<void> => {
      const line = `${process.execPath} ${MAIN} ${args} --config ${config} > /dev/null`;
      rows.push({ name, ...(await measured(line)) });
    };
    await run("list", "list --json");
    await run("cat, by time near the end", `cat --from ${late}`);
    await run("verify", "verify --json");
    await run("index", "index");
    await run("list, with roll-ups", "list --json");
    await run("cat, by time, with roll-ups", `cat --from ${late}`);
    await run("index --keys", "index --keys");
    await run("cat --key", "cat --key key-17");
    return rows;
  } finally {
    await drop(archive);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function alone(): Promise<void> {
  const batches = Number(process.argv[2] ?? "20000");
  console.log(`${batches} batches`);
  for (const r of await benchIndex(batches)) {
    const cost = `${r.wallSeconds.toFixed(1)} s, CPU ${r.cpuSeconds.toFixed(1)} s`;
    console.log(`${r.name.padEnd(30)}${cost.padStart(24)}, peak ${r.peakMb.toFixed(0)} MB`);
  }
}

if (import.meta.main) await alone();
