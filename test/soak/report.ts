import type { MemorySample } from "./memory.ts";

/** One trouble that was made, and how long it took until everything before its end was archived. */
export interface Event {
  readonly atSeconds: number;
  readonly fault: string;
  readonly detail: string;
  readonly lastedMs: number;
  /** Null: not within the limit. */
  readonly recoveredMs: number | null;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
}

export interface SoakReport {
  readonly seed: number;
  readonly minutes: number;
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly refusedSends: number;
  readonly faults: readonly Event[];
  readonly memory: readonly MemorySample[];
  readonly checks: readonly Check[];
}

const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

/**
 * Memory of a process that ran all the time must not grow: the last quarter's mean is held against the
 * second one's, after the first has warmed it up.
 */
export function memoryCheck(samples: readonly MemorySample[]): Check {
  const quarter = Math.floor(samples.length / 4);
  const of = (i: number): number =>
    mean(samples.slice(i * quarter, (i + 1) * quarter).map((s) => s.mb));
  const means = [0, 1, 2, 3].map(of);
  const [, second = 0, , last = 0] = means;
  const text = `means of the quarters: ${means.map((mb) => mb.toFixed(0)).join(", ")} MB; ${inside(samples.slice(-quarter))}`;
  const ok = quarter > 0 && last <= second * 1.25 + 20;
  return { name: "memory does not grow", ok, text };
}

/** What the last quarter's memory is made of. */
function inside(samples: readonly MemorySample[]): string {
  const known = samples.flatMap((s) => s.inside ?? []);
  if (known.length === 0) return "its metrics did not answer";
  const of = (name: keyof (typeof known)[number]): string =>
    mean(known.map((k) => k[name])).toFixed(0);
  return `at the end heap ${of("heapUsed")} of ${of("heapTotal")}, external ${of("external")}, budget ${of("budget")} MB`;
}

export function lines(r: SoakReport): string[] {
  const byFault = new Map<string, Event[]>();
  for (const e of r.faults) byFault.set(e.fault, [...(byFault.get(e.fault) ?? []), e]);
  const rows = [...byFault].map(([fault, events]) => {
    const times = events.flatMap((e) => e.recoveredMs ?? []);
    const slowest = (Math.max(0, ...times) / 1_000).toFixed(1);
    const average = (mean(times) / 1_000).toFixed(1);
    return `  ${fault.padEnd(58)}${String(events.length).padStart(3)}  ${average.padStart(5)} s  ${slowest.padStart(5)} s`;
  });
  return [
    `seed ${r.seed}, ${r.minutes} minutes, ${r.records} records, ${r.recordsPerSecond.toFixed(0)} records/s, ` +
      `${r.faults.length} faults, ${r.refusedSends} sends refused by Kafka`,
    `  ${"fault".padEnd(58)}  n  caught up   slowest`,
    ...rows,
    ...r.checks.map((c) => `  ${c.ok ? "ok    " : "FAILED"} ${c.name}: ${c.text}`),
  ];
}
