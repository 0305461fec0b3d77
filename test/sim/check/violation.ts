/** What must never happen, by name. */
export type Rule =
  /** A record that is committed in Kafka is in no batch of a sink that should have it. */
  | "no-loss"
  /** A record is twice in one branch, or was never committed. */
  | "no-duplicate"
  /** A record, a file or a manifest is not what it was made from, or differs between sinks. */
  | "same-bytes"
  /** An object was replaced by another. */
  | "write-once"
  /** Data came into the primary that no commit had planned. */
  | "plan-first"
  /** A sink has what the primary has not. */
  | "primary-first"
  /** A batch without its predecessor, or a manifest without its data. */
  | "order"
  /** A commit says more than is true, or moves back. */
  | "commit"
  /** A link does not follow from the one before. */
  | "chain"
  /** Offsets of a batch are not accounted for. */
  | "accounting"
  /** More memory than the budget allows, or memory that is never given back. */
  | "memory"
  /** Everything works again and yet not everything is archived. */
  | "progress"
  /** A partition stopped where no fault asks for an operator. */
  | "alarm"
  /** A file is opened by others than it is said to be encrypted to. */
  | "recipients"
  /** Data went that is not old enough, or that nobody said would go. */
  | "retention"
  /** Something was set aside while its partition was not paused, or a partition stays paused. */
  | "pause"
  /** A repair said that it is done, and it is not; or what was wrong is not kept. */
  | "repair"
  /** A sink that is away was not waited for. */
  | "patience"
  /** The product raised what nobody took. */
  | "unhandled";

export class Violation extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, text: string) {
    super(`${rule}: ${text}`);
    this.name = "Violation";
    this.rule = rule;
  }
}
