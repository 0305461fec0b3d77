import { blake3 } from "@napi-rs/blake-hash";
import { createHmac } from "node:crypto";
import type { Description, Manifest } from "../../core/description.ts";
import type { Json } from "./own-form.ts";
import { readOwn } from "./own-form.ts";

/**
 * What a manifest must agree with, worked out anew from docs/format-manifest.md: its range and
 * counts, its holes, its path, its link and its MAC. Independent of the code that writes manifests.
 */
export interface Place {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly branch: number;
  readonly start: bigint;
}

export interface Complaint {
  readonly code: string;
  readonly text: string;
}

export type OwnReading =
  | { readonly manifest: Manifest; readonly complaints: readonly Complaint[] }
  | { readonly manifest: undefined; readonly complaints: readonly Complaint[] };

/** `place` is where the bytes were found: what they say of themselves must agree with it. */
export function readManifest(bytes: Uint8Array, place: Place): OwnReading {
  const read = readOwn(bytes);
  if ("wrong" in read) {
    return { manifest: undefined, complaints: [{ code: "manifest-form", text: read.wrong }] };
  }
  const manifest = toManifest(read.value);
  const complaints = [...placeComplaints(manifest, place), ...countComplaints(manifest)];
  const link = ownLink(manifest.prevLink, manifest);
  if (link !== manifest.link) {
    const text = `link is ${manifest.link}, its fields give ${link}`;
    complaints.push({ code: "link-wrong", text });
  }
  return { manifest, complaints };
}

/**
 * HMAC over the stored text without `,"mac":"…"`: needs no knowledge of how the text is written.
 */
export function macMatches(bytes: Uint8Array, manifest: Manifest, macKey: Uint8Array): boolean {
  const stored = Buffer.from(bytes).toString("utf8");
  const end = `,"mac":"${manifest.mac}"}\n`;
  if (manifest.mac === undefined || !stored.endsWith(end)) return false;
  const unsigned = `${stored.slice(0, -end.length)}}\n`;
  return createHmac("sha256", macKey).update(unsigned).digest("hex") === manifest.mac;
}

function placeComplaints(m: Manifest, at: Place): Complaint[] {
  const complaints: Complaint[] = [];
  for (const field of ["topic", "topicId", "partition", "branch", "start"] as const) {
    if (m[field] !== at[field]) {
      complaints.push({
        code: "misplaced",
        text: `says ${field} ${m[field]}, lies at ${at[field]}`,
      });
    }
  }
  const id = `${at.topic}/${at.topicId}/${at.partition}/${at.branch}/${at.start}`;
  if (m.batchId !== id)
    complaints.push({ code: "misplaced", text: `batchId is ${m.batchId}, not ${id}` });
  const path = ownPath(m);
  if (m.seal.path !== path) {
    complaints.push({ code: "path-rule", text: `names ${m.seal.path}, the rule gives ${path}` });
  }
  return complaints;
}

function ownPath(m: Manifest): string {
  const kind = m.format === "segment" ? ".log" : ".ndjson";
  const codec = { none: "", zstd: ".zst", gzip: ".gz" }[m.seal.codec];
  const folder = `data/${m.topic}/${m.topicId}/${m.partition}/${m.branch}`;
  const name = String(m.start).padStart(20, "0");
  const age = m.seal.encryption === "age" ? ".age" : "";
  return `${folder}/${String(m.start / 10n ** 9n).padStart(11, "0")}/${name}${kind}${codec}${age}`;
}

const COUNTED = {
  aborted: "aborted",
  control: "control",
  compacted: "compacted",
  retention: "compacted",
  filtered: "filtered",
  skipped: "filtered",
  "dead-lettered": "deadLettered",
} as const;

function countComplaints(m: Manifest): Complaint[] {
  const complaints: Complaint[] = [];
  const say = (code: string, text: string): number => complaints.push({ code, text });
  if (m.end <= m.start) say("range", `end ${m.end} is not after start ${m.start}`);
  const named = { aborted: 0n, control: 0n, compacted: 0n, filtered: 0n, deadLettered: 0n };
  let at = m.start;
  for (const hole of m.holes) {
    const width = hole.to - hole.from;
    if (hole.from < at || width <= 0n || hole.to > m.end) {
      say("holes", `hole [${hole.from}, ${hole.to}) is out of order or out of range`);
    }
    const offsets = hole.offsets ?? width;
    if (hole.offsets !== undefined && (offsets < 1n || offsets >= width)) {
      say("holes", `hole [${hole.from}, ${hole.to}) counts ${offsets} offsets`);
    }
    if (hole.text !== undefined && hole.reason !== "skipped") {
      say(
        "holes",
        `hole [${hole.from}, ${hole.to}) is ${hole.reason}, and says why it was skipped`,
      );
    }
    named[COUNTED[hole.reason]] += offsets;
    at = hole.to;
  }
  let explained = m.records;
  for (const reason of Object.keys(named) as (keyof typeof named)[]) {
    explained += m[reason];
    if (m[reason] !== named[reason]) {
      say("counts", `${reason} is ${m[reason]}, the holes name ${named[reason]}`);
    }
  }
  if (explained !== m.end - m.start) {
    say("counts", `${explained} of ${m.end - m.start} offsets are accounted for`);
  }
  const { minTimestamp: min, maxTimestamp: max } = m;
  if ((min === null) !== (max === null) || (min !== null && max !== null && min > max)) {
    say("range", `minTimestamp ${min} and maxTimestamp ${max} contradict each other`);
  }
  if ("tag" in m.content !== (m.seal.encryption === "age")) {
    say("content-mark", "a digest stands where a tag must stand, or the reverse");
  }
  if (m.seal.encryption === "none" && m.seal.keyId !== undefined) {
    say("content-mark", "a key id stands where nothing is encrypted");
  }
  if (m.seal.encryption === "age" ? m.seal.recipients.length === 0 : m.seal.recipients.length > 0) {
    say(
      "content-mark",
      `${m.seal.recipients.length} recipients for encryption ${m.seal.encryption}`,
    );
  }
  return complaints;
}

/** Length (4 bytes, big-endian) and bytes of each field; integers as 8 bytes, hex as bytes. */
const packed = (fields: readonly (string | bigint | Buffer)[]): Buffer =>
  Buffer.concat(
    fields.flatMap((field) => {
      let bytes: Buffer;
      if (typeof field === "string") bytes = Buffer.from(field, "utf8");
      else if (typeof field !== "bigint") bytes = field;
      else {
        bytes = Buffer.alloc(8);
        bytes.writeBigInt64BE(field);
      }
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );

export const ownGenesis = (archiveId: string, at: Omit<Place, "start">): string => {
  const { topic, topicId, partition, branch } = at;
  const scope = [topic, topicId, BigInt(partition), BigInt(branch)];
  return blake3(packed(["bulk-archiver genesis 1", archiveId, ...scope])).toString("hex");
};

function ownLink(prevLink: string, d: Description): string {
  const mark = "tag" in d.content ? ["tag", d.content.tag] : ["digest", d.content.digest];
  const fields = [
    ...["bulk-archiver link 1", Buffer.from(prevLink, "hex"), d.topicId],
    ...[BigInt(d.partition), BigInt(d.branch), d.start, d.end],
    ...[d.records, d.aborted, d.control, d.compacted, d.filtered, d.deadLettered],
    BigInt(d.holes.length),
    ...d.holes.flatMap((h) => {
      const why = h.text === undefined ? h.reason : `${h.reason}: ${h.text}`;
      return [h.from, h.to, why, h.offsets ?? h.to - h.from];
    }),
    ...[mark[0] as string, d.content.algorithm, Buffer.from(mark[1] as string, "hex")],
  ];
  return blake3(packed(fields)).toString("hex");
}

/** Small integers become numbers where the product's types say so; the form was checked before. */
function toManifest(value: { readonly [key: string]: Json }): Manifest {
  const small = (v: Json | undefined): number => Number(v as bigint);
  const seal = value["seal"] as { readonly [key: string]: Json };
  return {
    ...value,
    version: 1,
    partition: small(value["partition"]),
    branch: small(value["branch"]),
    revision: small(value["revision"]),
    leaderEpoch: small(value["leaderEpoch"]),
    seal: { ...seal, size: small(seal["size"]), contentSize: small(seal["contentSize"]) },
  } as unknown as Manifest;
}
