import { apply } from "../../src/pipeline/apply.ts";
import type { Effect, Event } from "../../src/pipeline/effect.ts";
import { begin, type Committed, type Look, type Task } from "../../src/pipeline/state.ts";
import { wanted } from "../../src/pipeline/wanted.ts";

/** Events and states that the tests of the table's rows begin with. */
export const after = (t: Task, ...events: readonly Event[]): Task => events.reduce(apply, t);

export const plan = (start: bigint, end: bigint, mark = "a") => ({ start, end, mark });
export const read = (offset: bigint | null, ...plans: Committed["plans"]): Event => ({
  of: "read-committed",
  round: 0,
  committed: { offset, plans },
});
export const empty = (sink: number): Event => ({ of: "head", sink, head: "empty" });
export const head = (sink: number, first: bigint, end: bigint): Event => ({
  of: "head",
  sink,
  head: { first, head: end },
});
export const look = (sink: number, at: bigint, found: Look = "nothing"): Event => ({
  of: "look",
  sink,
  at,
  look: found,
});
export const whole = (start: bigint, end: bigint, link = "1"): Look => ({
  start,
  end,
  mark: "a",
  step: "whole",
  link,
});
export const built = (slot: number, end: bigint, mark = "a"): Event => ({
  of: "build",
  slot,
  end,
  mark,
});
export const committed = (offset: bigint, ...plans: Committed["plans"]): Event => ({
  of: "commit",
  value: { offset, plans },
});
export const put = (slot: number, sink: number): readonly Event[] => [
  { of: "published", slot, sink },
  { of: "described", slot, sink },
];
export const keys = (t: Task): string[] => wanted(t).map(text);

function text(e: Effect): string {
  switch (e.do) {
    case "commit": {
      const plans = e.value.plans.map((p) => ` [${p.start},${p.end})${p.mark}`).join("");
      return `commit ${e.why} ${e.value.offset}${plans}`;
    }
    case "build":
      return `build ${e.slot} at ${e.start} exact ${e.exact?.end ?? "-"} limit ${e.limit ?? "-"}`;
    case "look":
      return `look ${e.sink} at ${e.at}`;
    case "head":
      return `head ${e.sink}`;
    case "take":
      return `take ${e.slot} from ${e.sink}`;
    case "recall":
      return "recall";
    case "resolve-start":
      return `resolve-start ${e.committed}`;
    case "read-committed":
      return `read-committed ${e.round}`;
    case "publish":
    case "describe":
      return `${e.do} ${e.slot} to ${e.sink}`;
  }
}

/** An empty archive, offset 0 committed, the first slot open. */
export const running = (depth = 1, sinks = 2): Task => {
  const all = Array.from({ length: sinks }, (_, i) => i);
  return after(
    begin(sinks, depth),
    read(0n),
    ...all.map(empty),
    { of: "resolve-start", offset: 0n },
    ...all.map((i) => look(i, 0n)),
  );
};

/** The first batch [0, 10) is built and planned. */
export const planned = (depth = 1): Task =>
  after(running(depth), built(1, 10n), committed(0n, plan(0n, 10n)));

/** Both sinks hold [0, 10), the offset is 10. */
export const archived = (depth = 1): Task =>
  after(planned(depth), ...put(1, 0), ...put(1, 1), committed(10n));
