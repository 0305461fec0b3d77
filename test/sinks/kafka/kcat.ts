import { spawn } from "node:child_process";

/** One record as kcat shows it; `headers` is a flat list of names and values. */
export interface KcatRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly ts: number;
  readonly headers?: readonly (string | null)[];
  readonly key: string | null;
  readonly payload: string | null;
}

/** Everything of a topic that is committed, read by librdkafka (kcat -J, read_committed). */
export async function kcatRecords(bootstrap: string, topic: string): Promise<KcatRecord[]> {
  const args = ["-C", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-J"];
  const child = spawn("kcat", [...args, "-X", "isolation.level=read_committed"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pieces: Buffer[] = [];
  let errors = "";
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`kcat of ${topic} ended with ${String(code)}: ${errors}`);
  const lines = Buffer.concat(pieces).toString("utf8").split("\n");
  return lines.filter((l) => l !== "").map((l) => JSON.parse(l) as KcatRecord);
}
