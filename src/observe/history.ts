import type { LiveHistory } from "./live-report.ts";

const STEP_MS = 15_000;
const STEPS = 240;
const MAX_OUTAGES = 100;

export interface Sample {
  readonly records: number;
  readonly bytes: number;
  /** Offsets that came to Kafka; null: not known. */
  readonly produced: number | null;
  readonly oldestMs: number | null;
  readonly lag: number | null;
}

const GAP = { records: null, bytes: null, produced: null, oldestMs: null, lag: null };

/** The last hour in steps of 15 s: five numbers a step, and when a sink was away. */
export class History {
  #samples: { readonly [K in keyof Sample]: number | null }[] = [];
  #untilMs: number;
  #outages: { readonly sink: string; readonly fromMs: number; toMs: number | null }[] = [];

  constructor(nowMs: number) {
    this.#untilMs = nowMs;
  }

  /** Length of the step that is being filled, and whether it is full. */
  due(nowMs: number): boolean {
    return nowMs - this.#untilMs >= STEP_MS;
  }

  /** `records`, `bytes` and `produced` are since the last step. Steps that were missed (a frozen process) are gaps. */
  add(nowMs: number, { records, bytes, produced, oldestMs, lag }: Sample): void {
    const missed = Math.min(STEPS, Math.floor((nowMs - this.#untilMs) / STEP_MS) - 1);
    for (let i = 0; i < missed; i++) this.#samples.push(GAP);
    const seconds = Math.max(1, (nowMs - this.#untilMs) / 1000 - (missed * STEP_MS) / 1000);
    const rate = (n: number): number => Math.round(n / seconds);
    // Unlike this process, producers went on in the steps that were missed.
    const whole = Math.max(1, (nowMs - this.#untilMs) / 1000);
    const came = produced === null ? null : Math.round(produced / whole);
    const rates = { records: rate(records), bytes: rate(bytes), produced: came };
    this.#samples.push({ ...rates, oldestMs, lag });
    this.#samples = this.#samples.slice(-STEPS);
    this.#untilMs = nowMs;
    const from = nowMs - STEPS * STEP_MS;
    this.#outages = this.#outages
      .filter((o) => o.toMs === null || o.toMs > from)
      .slice(-MAX_OUTAGES);
  }

  sinkChanged(sink: string, well: boolean, atMs: number): void {
    const open = this.#outages.find((o) => o.sink === sink && o.toMs === null);
    if (well && open !== undefined) open.toMs = atMs;
    if (!well && open === undefined) this.#outages.push({ sink, fromMs: atMs, toMs: null });
  }

  view(): LiveHistory {
    const of = (key: keyof Sample): (number | null)[] => this.#samples.map((s) => s[key]);
    return {
      stepMs: STEP_MS,
      untilMs: this.#untilMs,
      recordsPerS: of("records"),
      bytesPerS: of("bytes"),
      producedPerS: of("produced"),
      oldestMs: of("oldestMs"),
      lag: of("lag"),
      outages: this.#outages.map((o) => ({ ...o })),
    };
  }
}
