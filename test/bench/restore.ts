import { produce } from "../load/produce.ts";
import { configOf, drain, MAIN, PARTITIONS } from "./drain.ts";
import { costOf, measured } from "./measure.ts";
import { type Row, show, times } from "./rows.ts";

export interface RestoreBench {
  readonly bootstrap: string;
  readonly dir: string;
  readonly records: number;
  /** Of the broker, which shares the machine. */
  readonly brokerPid: number;
}

/** With what the broker worked meanwhile. */
interface SharedRow extends Row {
  readonly brokerSeconds: number;
}

/**
 * Archives a full topic and restores it into others: restoring is to be as fast as archiving. A broker works
 * more for records that it takes than for those that it gives, so its share of the cores is shown, too.
 */
export async function benchRestore(o: RestoreBench): Promise<void> {
  for (const codec of ["lz4", "none"] as const) {
    const topic = `restore-${codec}-${Date.now()}`;
    const load = { partitions: PARTITIONS, bytes: 820, seed: 7, codec, perRequest: 2_000 };
    const logicalBytes = await produce({ ...o, topic, ...load });
    const sinks = `  - { name: files, kind: fs, path: ./${topic} }`;
    const name = `archive, ${codec}`;
    const archived = await beside(o, () => drain({ ...o, topic, home: o.dir, sinks, name }));
    const rows = [archived];
    for (const [to, flags] of [
      ["with lineage", ""],
      ["as it was", "--no-lineage"],
    ] as const) {
      console.log(`restore, ${to} …`);
      const line =
        `${process.execPath} ${MAIN} restore --config ${configOf({ home: o.dir, topic })} ` +
        `--topic ${topic} --to-topic ${topic}-${flags === "" ? "lineage" : "raw"} ${flags} >&2`;
      const restored = async (): Promise<Row> => ({
        name: `restore, ${to}, ${codec}`,
        ...(await measured(line)),
      });
      rows.push(await beside(o, restored));
    }
    show(rows, { records: o.records, logicalBytes });
    for (const row of rows.slice(1)) {
      const cpu = times(archived, row, "cpuSeconds");
      const rate = times(row, archived, "wallSeconds");
      const of = (r: SharedRow): string =>
        `${((100 * r.brokerSeconds) / r.wallSeconds).toFixed(0)} %`;
      const broker = (row.brokerSeconds / archived.brokerSeconds).toFixed(2);
      console.log(
        `  ${row.name}: ${rate} × the records/s of archiving, ${cpu} × its CPU; the broker: ${broker} × the CPU, ` +
          `${of(row)} of a core all the time instead of ${of(archived)}`,
      );
    }
  }
}

async function beside(o: RestoreBench, run: () => Promise<Row>): Promise<SharedRow> {
  const before = costOf(o.brokerPid).cpuSeconds;
  const row = await run();
  return { ...row, brokerSeconds: costOf(o.brokerPid).cpuSeconds - before };
}
