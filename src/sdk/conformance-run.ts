import { appendFileSync } from "node:fs";
import { messageOf } from "../core/message.ts";
import type { ConformanceCase } from "./conformance-case.ts";
import { conformance } from "./conformance-cases.ts";
import type { ConformanceTarget } from "./conformance-target.ts";

/** One row of the matrix: what came of one case. */
export interface ConformanceRow {
  readonly case: string;
  readonly outcome: "held" | "not-asked" | "failed";
  readonly ms: number;
  /** What did not hold. */
  readonly error?: string;
}

export interface ConformanceOptions {
  /** Factor on the time that each case may take; for stores that are slow by nature. @default 1 */
  readonly slower?: number;
  /** Cases by name. @default all of them */
  readonly only?: (name: string) => boolean;
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What vitest and `node:test` have in common. */
export type RegisterTest = (
  name: string,
  options: { readonly timeout: number },
  run: () => Promise<void>,
) => unknown;

/**
 * Makes a test of each case. With the environment variable `CONFORMANCE_MATRIX`, each row goes to
 * that file as a line of JSON; to standard output when it is `-`.
 */
export function testConformance(
  register: RegisterTest,
  target: ConformanceTarget,
  options: ConformanceOptions = {},
): void {
  const { slower = 1, env = process.env } = options;
  for (const c of chosen(options)) {
    register(c.name, { timeout: slower * c.timeoutMs }, async () => {
      const { row, thrown } = await rowOf(c, target, slower);
      writeRow(row, env["CONFORMANCE_MATRIX"]);
      if (row.outcome === "failed") throw thrown;
    });
  }
}

/** Runs the cases one after another, without a test runner; resolves to the matrix. */
export async function runConformance(
  target: ConformanceTarget,
  options: ConformanceOptions = {},
): Promise<readonly ConformanceRow[]> {
  const { slower = 1, env = process.env } = options;
  const rows: ConformanceRow[] = [];
  for (const c of chosen(options)) {
    const { row } = await rowOf(c, target, slower);
    writeRow(row, env["CONFORMANCE_MATRIX"]);
    rows.push(row);
  }
  return rows;
}

const chosen = ({ only = () => true }: ConformanceOptions): readonly ConformanceCase[] =>
  conformance.filter((c) => only(c.name));

async function rowOf(
  c: ConformanceCase,
  target: ConformanceTarget,
  slower: number,
): Promise<{ readonly row: ConformanceRow; readonly thrown?: unknown }> {
  const began = performance.now();
  const took = (): number => Math.round(performance.now() - began);
  try {
    const outcome = await within(c.run(target), slower * c.timeoutMs);
    return { row: { case: c.name, outcome, ms: took() } };
  } catch (thrown) {
    const error = messageOf(thrown);
    return { row: { case: c.name, outcome: "failed", ms: took(), error }, thrown };
  }
}

/** A sink that never answers fails its case instead of holding up all the others. */
async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`it did not end within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function writeRow(row: ConformanceRow, where: string | undefined): void {
  if (where === undefined) return;
  const line = `${JSON.stringify(row)}\n`;
  if (where === "-") process.stdout.write(line);
  else appendFileSync(where, line);
}
