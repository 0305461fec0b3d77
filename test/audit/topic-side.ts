import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { AuditRecord } from "./audit-record.ts";

/**
 * What a consumer of the topic sees, by librdkafka. kcat's JSON writes bytes above 0x7f raw and
 * escapes only control characters, quotes and backslashes, so its lines read as Latin-1 give every
 * byte back, with null apart from empty and headers in order with duplicates [tested].
 * Limit: a header name that holds a NUL byte is cut there, because librdkafka hands out C strings.
 */
export async function* readTopic(options: {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partition?: number;
  readonly properties?: readonly string[];
}): AsyncGenerator<AuditRecord> {
  const args = [
    "-C",
    "-b",
    options.bootstrap,
    "-t",
    options.topic,
    "-o",
    "beginning",
    "-e",
    "-q",
    "-J",
  ];
  if (options.partition !== undefined) args.push("-p", String(options.partition));
  const properties = [
    "isolation.level=read_committed",
    "check.crcs=true",
    "fetch.message.max.bytes=33554432",
    "receive.message.max.bytes=200000000",
    "queued.max.messages.kbytes=131072",
    "allow.auto.create.topics=false",
    ...(options.properties ?? []),
  ];
  for (const property of properties) args.push("-X", property);
  const child = spawn("kcat", args, { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  child.stdout.setEncoding("latin1");
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
      yield toRecord(line);
    }
    const code = await exit;
    if (code !== 0) throw new Error(`kcat ended with ${code}: ${complaint}`);
  } finally {
    child.kill("SIGKILL");
  }
}

interface Line {
  readonly partition: number;
  readonly offset: number;
  readonly tstype?: string;
  readonly ts?: number;
  readonly headers?: readonly (string | null)[];
  readonly key: string | null;
  readonly payload: string | null;
}

function toRecord(text: string): AuditRecord {
  const line = JSON.parse(text) as Line;
  if (!Number.isSafeInteger(line.offset))
    throw new Error(`offset beyond 2^53: ${text.slice(0, 200)}`);
  const bytes = (s: string | null): Buffer | null => (s === null ? null : Buffer.from(s, "latin1"));
  const headers: [Buffer, Buffer | null][] = [];
  const flat = line.headers ?? [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    headers.push([Buffer.from(flat[i] ?? "", "latin1"), bytes(flat[i + 1] ?? null)]);
  }
  return {
    partition: line.partition,
    offset: BigInt(line.offset),
    timestamp: line.ts === undefined ? -1n : BigInt(line.ts),
    timestampType: line.tstype === "logappend" ? "LogAppendTime" : "CreateTime",
    key: bytes(line.key),
    value: bytes(line.payload),
    headers,
  };
}
