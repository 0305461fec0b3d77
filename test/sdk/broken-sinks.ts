/** A sink of `test/fixtures/broken-sinks`, the case that is there for it, and which others may fail. */
export interface Broken {
  readonly name: string;
  readonly caughtBy: string;
  /** Parts of the names of cases that such a sink may fail as well. */
  readonly also: readonly string[];
}

const CANCELLED = "a call that is cancelled in its middle ends at once";
const RE_PUTS = "other bytes, another cut, another suffix of one start are different";

export const BROKEN: readonly Broken[] = [
  {
    name: "overwrites",
    caughtBy: "another manifest of a batch is different and changes nothing",
    also: [
      "instances race",
      "an equal batch again",
      "check writes",
      "an answer that was lost",
      "a write that arrives after",
    ],
  },
  {
    name: "early-confirm",
    caughtBy: "what is confirmed is there for every other instance at once",
    // Who looks from another instance, or compares with what is there.
    also: [
      "instances race",
      RE_PUTS,
      "an equal batch again",
      "whatever suffix",
      "another end",
      "two partitions",
      "big batch",
      "without a record",
      "crash between",
      "a changed byte",
      "scopes are found",
      "remove acts only",
      "thousands",
      "answer that was lost",
      "cut in its middle",
      "cancelled in its middle",
      "arrives after",
      "aborted signal",
    ],
  },
  {
    name: "truncation",
    caughtBy: "a big batch is the same bytes and records when it is read",
    also: [],
  },
  {
    name: "wrong-order",
    caughtBy: "thousands of batches: listed in order from any start, floor finds each manifest",
    also: [],
  },
  {
    name: "swallowed-abort",
    caughtBy: CANCELLED,
    also: ["aborted signal ends every call", "arrives after it was given up"],
  },
  {
    name: "exists-is-success",
    caughtBy: RE_PUTS,
    also: ["whatever suffix", "another end", "a changed byte", "instances race"],
  },
  {
    name: "lost-tag",
    caughtBy: "remove acts only on what was seen, and then it is gone",
    also: [],
  },
  {
    name: "unhandled-403",
    caughtBy: "401 and 403 are refused credentials: every call says so",
    also: [],
  },
];
