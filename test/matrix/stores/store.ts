import type { SealedBatch } from "../../../src/sdk/sink.ts";
import type { Stage } from "../stage.ts";

/** What makes it take nothing for a while, as it happens to such a server. */
export interface Refusal {
  readonly what: string;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

/** What somebody with the store's own tools does to one batch. */
export interface Damage {
  /** In words: what became of the batch. */
  readonly what: string;
  do(batch: SealedBatch): Promise<unknown>;
}

/** A real server of one kind, with a place in it that nobody else has, and what happens to such servers. */
export interface Store {
  /** Settings of the sink. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What `remove` removes, in words. */
  readonly place: string;
  /** Each is done to a batch of its own, and each has to be found. */
  readonly damages: readonly Damage[];
  /** What an operator does himself before `reconcile` can mend, where a sink sets nothing aside. */
  readonly byHand?: { readonly what: string; do(): Promise<unknown> };
  /** Where a server of this kind can be made to. */
  readonly refusals?: readonly Refusal[];
  kill(): Promise<unknown>;
  restart(): Promise<unknown>;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  remove(): Promise<unknown>;
  /** Makes an empty place again, where the daemon does not do that itself. */
  renew(): Promise<unknown>;
  /** Keeps a copy of all that is there; what it answers puts that copy in place of everything. */
  snapshot?(): Promise<() => Promise<unknown>>;
  /** It and the folder, read by somebody else: every record once, and equal, else the stage hears of it. */
  audited(s: Stage): Promise<void>;
  stop(): Promise<void>;
}

/** Read into a folder by a foreign tool, then as any folder. */
export const filesAudited =
  (bring: (into: string) => Promise<unknown>): Store["audited"] =>
  async (s) => {
    await bring(s.path("store"));
    await s.audited(["files", "store"]);
  };
