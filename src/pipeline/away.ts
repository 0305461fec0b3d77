import { ArchiverError } from "../core/errors.ts";
import type { Behind } from "../core/plan-codec.ts";
import { catchUp, type CatchUpPorts } from "./catch-up.ts";
import type { Result } from "./effect.ts";
import type { TaskPorts } from "./ports.ts";
import { isAttached, type Task } from "./state.ts";

/** Keeps one catch-up running for each sink that a task went on without. */
export class CatchUps {
  readonly #ports: CatchUpPorts;
  readonly #running = new Map<number, AbortController>();

  constructor(ports: CatchUpPorts) {
    this.#ports = ports;
  }

  /** After every event: starts and stops what the new state asks for, and says what changed. */
  follow(before: Task, after: Task): void {
    const over = after.phase === "ended" || after.phase === "stopped";
    after.behind.forEach((from, sink) => {
      const name = this.#ports.task.sinks[sink]?.name ?? "";
      const was = before.behind[sink] ?? null;
      if (from !== null && was === null) {
        this.#ports.task.emit({ what: "detached", sink: name, offset: from });
      } else if (from === null && was !== null && !after.recalled) {
        this.#ports.task.emit({ what: "attached", sink: name });
      }
      if (over || isAttached(after, sink)) this.#stop(sink);
      else if (!this.#running.has(sink)) this.#start(sink);
    });
  }

  #start(sink: number): void {
    const controller = new AbortController();
    this.#running.set(sink, controller);
    void catchUp(this.#ports, sink, controller.signal);
  }

  #stop(sink: number): void {
    const controller = this.#running.get(sink);
    this.#running.delete(sink);
    controller?.abort(new ArchiverError("interrupted", "the sink is not filled any more"));
  }
}

/** Who is away and may have what the primary lacks of what was committed: all but those that an operator holds away. */
export function recall({ behind, position }: Task, ports: TaskPorts): Result {
  const sinks = [...behind.keys()].filter((i) => behind[i] !== null && !ports.heldAway(i));
  for (const i of sinks) {
    ports.emit({ what: "recalled", sink: ports.sinks[i]?.name ?? "", offset: position });
  }
  return { of: "recalled", sinks };
}

/** What a commit says of the sinks that the task went on without. */
export const marksOf = (t: Task, { sinks }: TaskPorts): readonly Behind[] =>
  t.behind.flatMap((offset, i) => {
    const sink = sinks[i]?.name;
    return offset === null || sink === undefined ? [] : [{ sink, offset }];
  });

/** The marks of a commit by sink; of those only that may be away, or are held away. */
export const behindOf = (
  marks: readonly Behind[],
  { sinks, heldAway }: TaskPorts,
): (bigint | null)[] =>
  sinks.map(({ name, mayBeAway }, i) => {
    const mark = marks.find((m) => m.sink === name);
    return i > 0 && mark !== undefined && (mayBeAway || heldAway(i)) ? mark.offset : null;
  });
