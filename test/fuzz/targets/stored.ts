import { blake3Hex } from "../../../src/core/digest.ts";
import { contentRecords } from "../../../src/operate/verify/content-records.ts";
import { openHeader, payloadChunks } from "../../../src/operate/verify/foreign-age.ts";
import { contentOf } from "../../../src/operate/verify/foreign-frames.ts";
import { rollUpLines, parseLine } from "../../../src/operate/index/roll-up.ts";
import { openAge } from "../../../src/seal/age-read.ts";
import { readRecords } from "../../../src/seal/unseal.ts";
import { frameContent, seekFrames, seekTableBytes, unframed } from "../../../src/seal/zstd.ts";
import { must, taken, takenAsync, type Target } from "../target.ts";
import {
  foreignIdentities,
  identityKeys,
  type StoredSample,
  storedSamples,
} from "./stored-samples.ts";

const BOUND = 4 << 20;
const MAX_FILE_BYTES = 20_000;
const small = storedSamples.filter((s) => s.bytes.length <= MAX_FILE_BYTES);
const encrypted = small.filter((s) => s.m.seal.encryption === "age");
const clear = small.filter((s) => s.m.seal.encryption === "none");
const by = (codec: string, format?: string): StoredSample[] =>
  clear.filter((s) => s.m.seal.codec === codec && (format ?? s.m.format) === s.m.format);
const plain = new Map<string, string>();

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384);
}

/** Both readers: a payload that was encrypted, or a refusal; and the same of both. */
async function readAge(input: Buffer): Promise<boolean> {
  if (plain.size === 0) for (const s of encrypted) plain.set(await opened(s.bytes), s.name);
  let ours: string | undefined;
  await takenAsync(async () => void (ours = await opened(input)));
  let theirs: string | undefined;
  taken(() => {
    const header = openHeader(input, foreignIdentities);
    if (header !== undefined) theirs = blake3Hex(Buffer.concat([...payloadChunks(header)]));
  });
  must(ours === theirs, "both readers of age say the same");
  must(ours === undefined || plain.has(ours), "a payload that somebody encrypted");
  return ours !== undefined;
}

async function opened(bytes: Uint8Array): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of (await openAge(pieces(bytes), identityKeys)).plain) parts.push(part);
  return blake3Hex(Buffer.concat(parts));
}

function readFrames(input: Buffer): boolean {
  let ours: Buffer | undefined;
  let theirs: Buffer | undefined;
  taken(() => (ours = Buffer.concat([...unframed(input, BOUND)])));
  taken(() => (theirs = Buffer.concat([...contentOf("zstd", input, BOUND)])));
  must((ours?.length ?? 0) <= BOUND, "within the bound");
  const both = ours !== undefined && theirs !== undefined;
  must(!both || ours?.equals(theirs ?? Buffer.alloc(0)) === true, "both take it for the same");
  taken(() => seek(input));
  return ours !== undefined;
}

/** As `cat --offsets` does: by the table, one frame. */
function seek(input: Buffer): void {
  const size = seekTableBytes(input.subarray(-9));
  for (const frame of seekFrames(input.subarray(-size), input.length)) {
    const part = input.subarray(frame.at, frame.at + frame.size);
    must(
      frame.contentSize <= 1 << 20 || !taken(() => frameContent(part, frame)),
      "a bounded frame",
    );
    taken(() => frameContent(part, frame));
  }
}

/** Contents whose digests are taken for right; verify's own reader takes what ours takes. */
const contentTarget = (format: "segment" | "ndjson"): Target => {
  const samples = by("none", format);
  return {
    name: `content-${format}`,
    shape: format === "ndjson" ? "lines" : "bytes",
    seeds: samples.map((s) => s.bytes),
    words: [
      '"',
      ",",
      "{",
      "}",
      "null",
      "0",
      "-1",
      "1e3",
      '"key":',
      "\\u0000",
      "\n",
      ',"endOffset":',
    ],
    read: async (input) => {
      let any = false;
      for (const { m } of samples) {
        let records = 0n;
        const whole = await takenAsync(async () => {
          for await (const part of readRecords(m, pieces(input))) records += BigInt(part.length);
        });
        if (!whole) continue;
        any = true;
        must(records === m.records, "as many as the description says");
        let theirs = 0n;
        for await (const _ of contentRecords(m.format, pieces(input), m)) theirs += 1n;
        must(theirs === records, "verify's reader takes what ours takes");
      }
      return any;
    },
  };
};

const readGzip = (input: Buffer): boolean =>
  taken(() => must(Buffer.concat([...contentOf("gzip", input, BOUND)]).length <= BOUND, "bounded"));

export const storedTargets: readonly Target[] = [
  { name: "age", shape: "bytes", seeds: encrypted.map((s) => s.bytes), read: readAge },
  {
    name: "age-header",
    shape: "lines",
    seeds: encrypted.map((s) => s.bytes.subarray(0, 1_200)),
    words: ["-> X25519 ", "-> ", "--- ", "\n", "\r\n", "A".repeat(43), "A".repeat(64), " ", "="],
    read: readAge,
  },
  { name: "zstd-file", shape: "bytes", seeds: by("zstd").map((s) => s.bytes), read: readFrames },
  { name: "gzip-file", shape: "bytes", seeds: by("gzip").map((s) => s.bytes), read: readGzip },
  contentTarget("segment"),
  contentTarget("ndjson"),
  {
    name: "roll-up",
    shape: "bytes",
    seeds: by("zstd").map((s) => s.bytes),
    read: (input) => taken(() => [...rollUpLines(input)].forEach((l) => parseLine(l))),
  },
];
