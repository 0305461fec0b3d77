import { produce } from "../load/produce.ts";
import { configOf, drain, MAIN, PARTITIONS } from "./drain.ts";
import { measured } from "./measure.ts";
import { type Row, show, times } from "./rows.ts";

export interface RestoreBench {
  readonly bootstrap: string;
  readonly dir: string;
  readonly records: number;
}

/** Archives a full topic and restores it into others: restoring is to be as fast as archiving. */
export async function benchRestore(o: RestoreBench): Promise<void> {
  for (const codec of ["lz4", "none"] as const) {
    const topic = `restore-${codec}-${Date.now()}`;
    const load = { partitions: PARTITIONS, bytes: 820, seed: 7, codec, perRequest: 2_000 };
    const logicalBytes = await produce({ ...o, topic, ...load });
    const sinks = `  - { name: files, kind: fs, path: ./${topic} }`;
    const name = `archive, ${codec}`;
    const archived = await drain({ ...o, topic, home: o.dir, sinks, name });
    const rows: Row[] = [archived];
    for (const [to, flags] of [
      ["with lineage", ""],
      ["as it was", "--no-lineage"],
    ] as const) {
      console.log(`restore, ${to} …`);
      const line =
        `${process.execPath} ${MAIN} restore --config ${configOf({ home: o.dir, topic })} ` +
        `--topic ${topic} --to-topic ${topic}-${flags === "" ? "lineage" : "raw"} ${flags} >&2`;
      rows.push({ name: `restore, ${to}, ${codec}`, ...(await measured(line)) });
    }
    show(rows, { records: o.records, logicalBytes });
    for (const row of rows.slice(1)) {
      const cpu = times(archived, row, "cpuSeconds");
      const rate = times(row, archived, "wallSeconds");
      console.log(`  ${row.name}: ${rate} × the records/s of archiving, ${cpu} × its CPU`);
    }
  }
}
