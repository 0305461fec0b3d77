import { spawn } from "node:child_process";

/** A record's bytes as librdkafka reads them; `headers` as kcat prints them, in order. */
export interface RawRecord {
  readonly offset: number;
  readonly timestamp: number;
  /** Hex; null is not empty. */
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly string[];
}

/** Lengths first, so that any byte can be in a key or a value. */
const FORMAT = "%p %o %T %K %S %h\n%k%s\n";

/** Committed records of every partition, in order. */
export async function rawRecords(
  bootstrap: string,
  topic: string,
): Promise<ReadonlyMap<number, readonly RawRecord[]>> {
  const args = ["-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e", "-q"];
  const child = spawn("kcat", [...args, "-X", "isolation.level=read_committed", "-f", FORMAT], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pieces: Buffer[] = [];
  let errors = "";
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`kcat of ${topic} ended with ${String(code)}: ${errors}`);
  return parsed(Buffer.concat(pieces));
}

function parsed(out: Buffer): ReadonlyMap<number, readonly RawRecord[]> {
  const partitions = new Map<number, RawRecord[]>();
  for (let at = 0; at < out.length;) {
    const end = out.indexOf(10, at);
    const [partition, offset, timestamp, keyLength, valueLength, ...rest] = out
      .toString("utf8", at, end)
      .split(" ");
    at = end + 1;
    const take = (length: string | undefined): string | null => {
      const n = Number(length);
      if (n < 0) return null;
      const bytes = out.toString("hex", at, at + n);
      at += n;
      return bytes;
    };
    const [key, value] = [take(keyLength), take(valueLength)];
    at += 1;
    const record = {
      offset: Number(offset),
      timestamp: Number(timestamp),
      key,
      value,
      headers: rest
        .join(" ")
        .split(",")
        .filter((h) => h !== ""),
    };
    const of = partitions.get(Number(partition)) ?? [];
    of.push(record);
    partitions.set(Number(partition), of);
  }
  return partitions;
}

const LINEAGE = 4;

/** What the copy's last headers say of where the record came from. */
export const lineageOf = (r: RawRecord): readonly string[] => r.headers.slice(-LINEAGE);

/** The record without offset and lineage: what source and copy have in common. */
export const common = (r: RawRecord, copy: boolean): Omit<RawRecord, "offset"> => ({
  timestamp: r.timestamp,
  key: r.key,
  value: r.value,
  headers: copy ? r.headers.slice(0, -LINEAGE) : r.headers,
});
