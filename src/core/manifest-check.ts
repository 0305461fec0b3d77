import type { Description, Hole, HoleReason } from "./description.ts";
import { dataPath } from "./layout.ts";
import { batchId } from "./scope.ts";

/** One field that disagrees with the others. */
export interface Inconsistency {
  readonly field: string;
  readonly text: string;
}

/** How many offsets of the hole's range hold no record. */
export const holeOffsets = (hole: Hole): bigint => hole.offsets ?? hole.to - hole.from;

type HoleCount = "aborted" | "control" | "compacted" | "filtered" | "deadLettered";

/**
 * Which count covers a hole: `compacted` all that Kafka no longer has, `filtered` what we leave
 * out.
 */
const COUNT_OF: Record<HoleReason, HoleCount> = {
  aborted: "aborted",
  control: "control",
  compacted: "compacted",
  retention: "compacted",
  filtered: "filtered",
  skipped: "filtered",
  "dead-lettered": "deadLettered",
};

/**
 * How the fields of a description agree with each other: ranges, counts, holes, and the path its
 * key and kind give. Undefined when all do. It needs no secret and reads nothing.
 */
export function inconsistency(d: Description): Inconsistency | undefined {
  if (d.end <= d.start) return { field: "end", text: `${d.end} is not after start ${d.start}` };
  if (d.batchId !== batchId(d)) {
    return { field: "batchId", text: `expected ${batchId(d)}` };
  }
  const covered = d.records + d.aborted + d.control + d.compacted + d.filtered + d.deadLettered;
  if (covered !== d.end - d.start) {
    return {
      field: "records",
      text: `counts add up to ${covered}, the range is ${d.end - d.start}`,
    };
  }
  if ((d.minTimestamp === null) !== (d.maxTimestamp === null)) {
    return { field: "maxTimestamp", text: "one of minTimestamp and maxTimestamp is null" };
  }
  if (d.minTimestamp !== null && d.maxTimestamp !== null && d.minTimestamp > d.maxTimestamp) {
    return { field: "maxTimestamp", text: `${d.maxTimestamp} is before ${d.minTimestamp}` };
  }
  return holesInconsistency(d) ?? sealInconsistency(d);
}

function holesInconsistency(d: Description): Inconsistency | undefined {
  const sums = { aborted: 0n, control: 0n, compacted: 0n, filtered: 0n, deadLettered: 0n };
  let position = d.start;
  for (const [i, hole] of d.holes.entries()) {
    const field = `holes.${i}`;
    if (hole.to <= hole.from) return { field, text: "is empty" };
    if (hole.from < position) return { field, text: "is not after the hole before it" };
    if (hole.to > d.end) return { field, text: `reaches past end ${d.end}` };
    const all = hole.to - hole.from;
    if (hole.offsets !== undefined && (hole.offsets < 1n || hole.offsets >= all)) {
      return { field: `${field}.offsets`, text: `expected 1 to ${all - 1n}, or no such field` };
    }
    if (hole.text !== undefined && hole.reason !== "skipped")
      return { field: `${field}.text`, text: `stands at a hole that is ${hole.reason}` };
    sums[COUNT_OF[hole.reason]] += holeOffsets(hole);
    position = hole.to;
  }
  for (const name of Object.keys(sums) as HoleCount[]) {
    if (sums[name] !== d[name]) {
      return { field: name, text: `is ${d[name]}, but the holes name ${sums[name]} such offsets` };
    }
  }
  return undefined;
}

function sealInconsistency(d: Description): Inconsistency | undefined {
  const { seal } = d;
  const encrypted = seal.encryption !== "none";
  const path = dataPath(d, { format: d.format, codec: seal.codec, encrypted });
  if (seal.path !== path) return { field: "seal.path", text: `expected ${path}` };
  if (encrypted !== seal.recipients.length > 0) {
    return { field: "seal.recipients", text: `does not fit encryption ${seal.encryption}` };
  }
  if (!encrypted && seal.keyId !== undefined) {
    return { field: "seal.keyId", text: "is there without encryption" };
  }
  if (encrypted !== "tag" in d.content) {
    return { field: "content", text: encrypted ? "expected a tag" : "expected a digest" };
  }
  return undefined;
}
