import { expect, test } from "vitest";
import { encodePlans } from "../../src/core/plan-codec.ts";
import type { Plan } from "../../src/core/plan.ts";
import { committedHead } from "../../src/operate/verify/committed-head.ts";

/** `verify` reads the chain's head out of a commit with code of its own. */
const plan = (start: bigint): Plan => ({
  clusterId: "MkU3OEVBNTcwNTJENDM2Qk",
  ...{ topicId: "AAAAAAAAAAAAAAAAAAAAAQ", branch: 0, leaderEpoch: 3, start, end: start + 10n },
  ...{ records: 9n, content: { algorithm: "blake3", tag: "ab".repeat(32) }, format: "segment" },
  ...{ codec: "zstd", level: 3, keyId: "k1", salt: "cd".repeat(16), firstTimestamp: 5n },
  revision: 0,
});
const chain = { offset: 40n, link: "0f".repeat(32) };

test.each([0, 1, 4])("the head behind %i plans, with and without marks", (count) => {
  const plans = Array.from({ length: count }, (_, i) => plan(40n + 10n * BigInt(i)));
  for (const behind of [[], [{ sink: "lake", offset: 20n }]]) {
    const text = encodePlans({ plans, chain, behind });
    expect(committedHead(text)).toEqual({ end: 40n, link: chain.link });
    expect(committedHead(encodePlans({ plans, chain: null, behind }))).toBeNull();
  }
});

test("text that is not ours, cut short or edited holds no head", () => {
  const text = encodePlans({ plans: [plan(40n)], chain, behind: [] });
  const others = ["", "x", "{}", text.slice(0, -1), text.replace(" 40 ", " 41 "), `${text} `];
  for (const other of [...others, text.replace("ba1", "ba2")])
    expect(committedHead(other), other).toBeNull();
});
