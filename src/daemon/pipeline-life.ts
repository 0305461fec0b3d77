import { ArchiverError, ERRORS } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import type { Emit } from "../observe/events.ts";

/** As long as an orchestrator takes to start a process again that keeps failing. */
const AGAIN_MS = 30_000;

export interface Life<P> {
  readonly name: string;
  readonly group: string;
  /** The only one of the process: what ends it ends the process, which whoever started it restarts. */
  readonly alone: boolean;
  open(signal: AbortSignal): Promise<P>;
  /** Until the signal aborts, then drains. Rejects with what an operator has to change. */
  run(pipeline: P, signal: AbortSignal): Promise<void>;
  close(pipeline: P): Promise<void>;
  readonly emit: Emit;
  readonly clock: Clock;
}

/**
 * One pipeline among others: what it cannot do is told and tried again, and the others go on. A fault
 * of the program is another matter: nobody knows what it left behind, so the process ends.
 */
export async function live<P>(life: Life<P>, signal: AbortSignal): Promise<void> {
  const { name, group, alone, emit, clock } = life;
  while (!signal.aborted) {
    try {
      await once(life, signal);
      return;
    } catch (error) {
      if (alone || !(error instanceof ArchiverError) || ERRORS[error.code].class === "bug")
        throw error;
      if (signal.aborted) return;
      const { code, message: text } = error;
      emit({ what: "pipeline-failed", pipeline: name, group, code, text, retryMs: AGAIN_MS });
    }
    await clock.sleep(AGAIN_MS, signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }
}

async function once<P>(life: Life<P>, signal: AbortSignal): Promise<void> {
  const pipeline = await life.open(signal);
  try {
    await life.run(pipeline, signal);
  } finally {
    await life.close(pipeline);
  }
}
