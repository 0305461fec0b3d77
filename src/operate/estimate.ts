import type { PipelineConfig } from "../config/config.ts";
import type { Clock } from "../core/ports.ts";
import { recordBatches } from "../record-batch/header.ts";
import type { Estimate } from "./check-report.ts";
import { keyOf, type PipelineView } from "./kafka-view.ts";

const WATCH_MS = 3_000;
const DAY_S = 86_400;
/** Data and manifest, each created and looked at. */
const REQUESTS_PER_FILE = 4;
/** Partitions of a pipeline from which record sizes are taken, and how much of each. */
const SAMPLES = 8;
const SAMPLE_OFFSETS = 500n;
const SAMPLE_BYTES = 256 << 10;

/** What the present rates would make in a day; null when nothing came while we watched. */
export async function estimate(
  views: readonly PipelineView[],
  clock: Clock,
  signal: AbortSignal,
): Promise<Estimate | null> {
  const before = await Promise.all(views.map((v) => v.offsets("latest")));
  const fromMs = clock.now();
  await clock.sleep(WATCH_MS, signal);
  const after = await Promise.all(views.map((v) => v.offsets("latest")));
  const seconds = (clock.now() - fromMs) / 1000;
  let [recordsPerSecond, bytesPerSecond, filesPerDay] = [0, 0, 0];
  for (const [i, view] of views.entries()) {
    const ends = after[i] ?? new Map<string, bigint>();
    const rates = ratesOf(before[i] ?? new Map<string, bigint>(), ends, seconds);
    if (rates.length === 0) continue;
    const recordBytes = await bytesPerOffset(view, ends);
    for (const rate of rates) {
      recordsPerSecond += rate;
      bytesPerSecond += rate * recordBytes;
      filesPerDay += filesADay(view.pipeline, rate, rate * recordBytes);
    }
  }
  if (recordsPerSecond === 0) return null;
  return {
    seconds: Math.round(seconds * 10) / 10,
    recordsPerSecond: Math.round(recordsPerSecond),
    bytesPerSecond: Math.round(bytesPerSecond),
    filesPerDay: Math.ceil(filesPerDay),
    requestsPerDay: Math.ceil(filesPerDay) * REQUESTS_PER_FILE,
  };
}

/** Offsets a second, of the partitions where something came. */
function ratesOf(
  before: ReadonlyMap<string, bigint>,
  after: ReadonlyMap<string, bigint>,
  seconds: number,
): number[] {
  return [...after].flatMap(([key, end]) => {
    const came = Number(end - (before.get(key) ?? end));
    return came > 0 ? [came / seconds] : [];
  });
}

/** A batch is cut by size or by age, whichever comes first; never more often than records come. */
function filesADay(
  { batch }: Pick<PipelineConfig, "batch">,
  recordsPerSecond: number,
  bytesPerSecond: number,
): number {
  const bySize = bytesPerSecond / batch.bytes;
  // The age counts from the first record, so a slow partition waits for one after every cut.
  const byAge = 1 / (batch.ageMs / 1000 + 1 / recordsPerSecond);
  return Math.max(bySize, byAge) * DAY_S;
}

/** As stored in Kafka, from the newest record batches of a few partitions. */
async function bytesPerOffset(
  view: PipelineView,
  ends: ReadonlyMap<string, bigint>,
): Promise<number> {
  const starts = await view.offsets("earliest");
  let [bytes, offsets] = [0, 0];
  const filled = view.partitions.filter(
    (p) => (ends.get(keyOf(p)) ?? 0n) > (starts.get(keyOf(p)) ?? 0n),
  );
  for (const { topic, partition } of filled.slice(0, SAMPLES)) {
    const key = keyOf({ topic, partition });
    const [start, end] = [starts.get(key) ?? 0n, ends.get(key) ?? 0n];
    const offset = end - SAMPLE_OFFSETS > start ? end - SAMPLE_OFFSETS : start;
    const got = await view.fetch({ topic, partition, offset, maxBytes: SAMPLE_BYTES });
    if (got.error !== undefined) continue;
    for (const { header } of recordBatches(got.records)) {
      bytes += header.sizeBytes;
      offsets += Number(header.nextOffset - header.baseOffset);
    }
  }
  return offsets === 0 ? 0 : bytes / offsets;
}
