import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** What a daemon holds at a moment, in MB (2^20 bytes). */
export interface MemorySample {
  readonly atSeconds: number;
  /** Resident, as the kernel has it. */
  readonly mb: number;
  /** As the daemon's metrics say; null when they did not answer. */
  readonly inside: Inside | null;
}

interface Inside {
  readonly heapUsed: number;
  readonly heapTotal: number;
  /** ArrayBuffers, and what native code says it holds for JavaScript. */
  readonly external: number;
  /** Of the budget of `memory`. */
  readonly budget: number;
}

const EVERY_MS = 2_000;
const METRICS = {
  heapUsed: "nodejs_heap_size_used_bytes",
  heapTotal: "nodejs_heap_size_total_bytes",
  external: "nodejs_external_memory_bytes",
  budget: "bulk_archiver_memory_used_bytes",
} as const;

/** Samples a process until `signal`; `port` is that of its metrics. */
export async function watchMemory(
  process: { readonly pid: number; readonly port: number },
  samples: MemorySample[],
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  while (!signal.aborted) {
    const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${process.pid}/status`, "utf8"))?.[1];
    const [scraped] = await Promise.allSettled([scrape(process.port)]);
    samples.push({
      atSeconds: (performance.now() - began) / 1_000,
      mb: Number(kb) / 1_024,
      inside: scraped.status === "fulfilled" ? scraped.value : null,
    });
    await sleep(EVERY_MS);
  }
}

async function scrape(port: number): Promise<Inside> {
  const signal = AbortSignal.timeout(EVERY_MS);
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal });
  const text = await answer.text();
  const mb = (name: string): number => {
    const value = new RegExp(`^${name}(?:{[^}]*})? ([0-9.e+]+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`/metrics has no ${name}`);
    return Number(value) / (1 << 20);
  };
  return {
    heapUsed: mb(METRICS.heapUsed),
    heapTotal: mb(METRICS.heapTotal),
    external: mb(METRICS.external),
    budget: mb(METRICS.budget),
  };
}
