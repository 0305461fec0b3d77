import assert from "node:assert/strict";
import { madeBatch } from "./conformance-batches.ts";
import { type ConformanceCase, never, onPlace } from "./conformance-case.ts";
import { startWriter } from "./conformance-process.ts";

const WRITERS = 16;
const ROUNDS = 20;

export const raceCases: readonly ConformanceCase[] = [
  onPlace(
    `${WRITERS} processes race for one start: one creates, all see the same batch`,
    async ({ place, open, target }) => {
      const writers = Array.from({ length: WRITERS }, (_, i) =>
        // Half of them in pairs with the same bytes, as a zombie and its heir have.
        startWriter(target.module, place.address, "race", Math.floor(i / 2) + 1),
      );
      await Promise.all(writers.map((w) => w.line()));
      for (const writer of writers) writer.tell("go");
      const lines = await Promise.all(writers.map((w) => w.line()));
      const errors = await Promise.all(writers.map((w) => w.ended));
      const answers = lines.map((line, i) => {
        assert.ok(line !== undefined, `a writer ended without an answer: ${errors[i]}`);
        return JSON.parse(line) as { outcome: string; digest: string };
      });
      assert.equal(answers.filter((a) => a.outcome === "created").length, 1);
      assert.equal(answers.filter((a) => a.outcome === "equal").length, 1);
      assert.equal(new Set(answers.map((a) => a.digest)).size, 1);
      const key = madeBatch({ partition: 0, start: 0n }).description;
      const state = await (await open()).stat(key, "bytes", never);
      assert.ok(state.is === "data");
      assert.equal(state.description.seal.digest, answers[0]?.digest);
    },
    60_000,
  ),

  onPlace("instances race with different cuts, many rounds", async ({ open }) => {
    const sinks = await Promise.all(Array.from({ length: 4 }, open));
    for (let round = 0; round < ROUNDS; round++) {
      const start = BigInt(round) * 100n;
      const answers = await Promise.all(
        sinks.map((sink, i) =>
          sink.publish(
            madeBatch({ partition: 0, start, count: BigInt(i + 1), seed: i + 1 }),
            never,
          ),
        ),
      );
      assert.equal(answers.filter((a) => a.outcome === "created").length, 1, `round ${round}`);
      const seen = answers.flatMap((a) =>
        a.outcome === "different" && a.state.is === "data" ? [a.state.description.end] : [],
      );
      assert.equal(seen.length, sinks.length - 1);
      assert.equal(new Set(seen).size, 1);
    }
  }),

  onPlace(
    "instances race with the same bytes and different ends: one end wins",
    async ({ open }) => {
      const sinks = await Promise.all(Array.from({ length: 4 }, open));
      for (let round = 0; round < ROUNDS; round++) {
        const start = BigInt(round) * 100n;
        const batches = sinks.map((_, i) =>
          madeBatch({ partition: 0, start, count: BigInt(5 + i), aborted: BigInt(i) }),
        );
        const answers = await Promise.all(
          sinks.map(async (sink, i) => {
            const batch = batches[i] ?? madeBatch({ partition: 0, start });
            const answer = await sink.publish(batch, never);
            if (answer.outcome !== "different") return batch.description.end;
            return answer.state.is === "data" ? answer.state.description.end : -1n;
          }),
        );
        assert.equal(new Set(answers).size, 1, `round ${round}: ${answers.join(" ")}`);
        assert.notEqual(answers[0], -1n);
      }
    },
  ),
];
