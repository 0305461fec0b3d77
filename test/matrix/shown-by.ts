import type { Promised } from "./promises.ts";

/** A test beside the matrix that fails when a promise does not hold. */
export interface Evidence {
  /** A file or folder of test/. */
  readonly path: string;
  /** Of one test in it, or the beginning of its name; the whole file where it is left out. */
  readonly test?: string;
  readonly says: string;
}

const SEARCH: Evidence = {
  path: "model/search.ts",
  says: "the daemon's own state table, searched exhaustively in a simulated world",
};
const SIMULATION: Evidence = {
  path: "sim/sim.test.ts",
  says: "the whole daemon in a simulated world, a crash at every wait (`npm run sim`)",
};
const KILLS: Evidence = {
  path: "faults/failpoints.test.ts",
  says: "SIGKILL at every step of the protocol under live production, by an auditor of its own",
};

/** What shows each promise of docs/guarantees.md besides `npm run faults`. */
export const SHOWN_BY: Readonly<Record<Promised, readonly Evidence[]>> = {
  "none-lost": [
    KILLS,
    SIMULATION,
    SEARCH,
    {
      path: "sinks/fs-faults.test.ts",
      says: "the system calls: everything is durable before it has its name, and has its name before it is answered",
    },
  ],
  "none-twice": [
    KILLS,
    SIMULATION,
    SEARCH,
    { path: "sinks/fs-conformance.test.ts", says: "the conformance kit's races and crashes" },
    {
      path: "core/plan-codec.test.ts",
      says: "committed plans have one text and are read strictly",
    },
  ],
  "same-bytes": [
    {
      path: "seal/seal.test.ts",
      says: "the same plan gives the same bytes, also in worker threads",
    },
    SIMULATION,
    SEARCH,
    {
      path: "operate/verify-faults.test.ts",
      says: "a sink that differs although it is whole by itself is found",
    },
    { path: "sinks/all/all-six.test.ts", says: "six kinds of sinks, read back by other tools" },
  ],
  "as-in-kafka": [
    {
      path: "record-batch/golden.test.ts",
      says: "segments that real brokers and clients wrote, against Kafka's own consumer",
    },
    { path: "record-batch/aborted.test.ts", says: "aborted transactions and control records" },
    { path: "integration/compaction.test.ts", says: "offsets that compaction took are explained" },
    { path: "seal/seal.test.ts", says: "both formats read back" },
  ],
  "damage-found": [
    {
      path: "operate/verify-faults.test.ts",
      says: "each kind of damage is done and has to be named",
    },
    { path: "operate/verify-kafka-compare.test.ts", says: "every record against the live topic" },
    {
      path: "operate/verify-signed.test.ts",
      says: "somebody with every right in the sink and no key",
    },
    { path: "core/manifest.test.ts", says: "canonical text, chain and MAC" },
  ],
  "foreign-tools": [
    {
      path: "seal/vectors.test.ts",
      says: "golden files of every format, codec and encryption by `age`, `zstd` and `gzip`",
    },
    { path: "operate/foreign-opener.test.ts", says: "verify's own reader, written apart" },
    {
      path: "audit/audit.test.ts",
      says: "the auditor's decoders, which share no code with the product",
    },
  ],
  "damage-is-an-error": [
    {
      path: "seal/vectors.test.ts",
      says: "more than a hundred broken files, one for each kind of damage at each layer",
    },
    { path: "fuzz/main.ts", says: "mutated input to everything that reads (`npm run fuzz`)" },
    {
      path: "security/bombs.test.ts",
      says: "what unfolds without end is refused without being unfolded",
    },
    {
      path: "record-batch/fuzz.test.ts",
      says: "mutated segments: the records that were written, or an error",
    },
    {
      path: "fuzz/sealed.test.ts",
      says: "two readers written apart agree on mutated stored files",
    },
  ],
  "cannot-read": [
    { path: "seal/seal.test.ts", says: "other content or another salt has other keys" },
    {
      path: "security/identity-memory.test.ts",
      test: "and nothing that opens the archive",
      says: "all of a live daemon's memory is looked through",
    },
  ],
  "never-destroys": [
    {
      path: "sinks/fs-store.test.ts",
      says: "foreign files under a batch's name are reported and not touched",
    },
    { path: "sinks/fs-conformance.test.ts", says: "the conformance kit, which each sink passes" },
    SIMULATION,
  ],
  waits: [
    { path: "deliver/retry.test.ts", says: "what passes is tried again, less and less often" },
    { path: "deliver/decorate.test.ts", says: "credentials that are refused park a sink" },
    {
      path: "kafka/security-running.test.ts",
      says: "rights and users that go while the daemon runs",
    },
    {
      path: "sinks/fs-store.test.ts",
      says: "an archive that vanishes is unreachable, never empty, and never begun again",
    },
    { ...SEARCH, says: "from every state, completion or an alarm can be reached" },
  ],
  "away-holds-nothing-up": [
    {
      path: "integration/away.test.ts",
      says: "away for long, the daemon killed while it is behind and while it fills, the primary away",
    },
    {
      path: "sinks/all/added-later.test.ts",
      says: "a sink that is added later is filled in order",
    },
    {
      path: "sinks/all/faults.test.ts",
      says: "five real stores at once cut off, frozen, killed, refusing, without room",
    },
  ],
  "stays-archived": [
    {
      path: "integration/truncation.test.ts",
      says: "a broker without the end of its logs, also grown over the loss, daemon down and running",
    },
  ],
};
