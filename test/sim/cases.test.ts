import { expect, test } from "vitest";
import { CASES } from "./cases.ts";
import { run } from "./run/run.ts";

for (const [name, scenario, shows = ""] of CASES) {
  test(name, async () => {
    const outcome = await run(scenario, { keep: 10_000 });
    expect(outcome.failure, outcome.trace.slice(-400).join("\n")).toBeNull();
    // It was about something: batches were made and committed.
    expect(outcome.commits).toBeGreaterThan(1);
    expect(outcome.trace.some((line) => line.includes(shows))).toBe(true);
  });
}
