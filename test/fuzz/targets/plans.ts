import { encodePlans } from "../../../src/core/plan-codec.ts";
import type { Plan } from "../../../src/core/plan.ts";

const plan: Plan = {
  ...{ clusterId: "MkU3OEVBNTcwNTJENDM2Qk", topicId: "AAAAAAAAAAAAAAAAAAAAAQ", branch: 0 },
  ...{ leaderEpoch: 4, start: 100n, end: 200n, records: 90n, revision: 0 },
  content: { algorithm: "blake3", digest: "ab".repeat(32) },
  ...{ format: "segment", codec: "zstd", level: 3, keyId: null, salt: null },
  firstTimestamp: 1_700_000_000_000n,
};
const secret: Plan = {
  ...plan,
  ...{ start: 200n, end: 300n, keyId: "k1", salt: "cd".repeat(16), format: "ndjson" },
  content: { algorithm: "blake3", tag: "ef".repeat(32) },
  firstTimestamp: null,
};
const chain = { offset: 100n, link: "12".repeat(32) };

/** What a commit may say: nothing planned, several plans, sinks that are behind. */
export const plansOfEveryKind: readonly string[] = [
  encodePlans({ plans: [], chain: null, behind: [] }),
  encodePlans({ plans: [plan], chain: null, behind: [] }),
  encodePlans({ plans: [plan, secret], chain, behind: [] }),
  encodePlans({ plans: [secret], chain, behind: [{ sink: "far.away", offset: 7n }] }),
];
