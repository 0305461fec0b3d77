import type { Description } from "../../src/core/description.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { encodeDescription, parseDescription, parseManifest } from "../../src/core/manifest.ts";
import { descriptionOf } from "../../src/core/manifest.ts";
import { batchId, type BatchKey } from "../../src/core/scope.ts";
import type { Published, State } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { copyProblem } from "./copied-records.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerEntry } from "./ledger-record.ts";
import type { TargetCluster } from "../../src/kafka/target/target-cluster.ts";

/** What the ledger says of batches, and whether their records bear it out. */
export class BatchStates {
  readonly #target: TargetCluster;
  readonly #ledger: Ledger;

  constructor(target: TargetCluster, ledger: Ledger) {
    this.#target = target;
    this.#ledger = ledger;
  }

  async entry(key: BatchKey, signal: AbortSignal): Promise<LedgerEntry | undefined> {
    await this.#ledger.catchUp(signal);
    const indexed = this.#ledger.of(key).get(key.start);
    return indexed === undefined ? undefined : this.#ledger.value(indexed, signal);
  }

  async state(key: BatchKey, evidence: "cheap" | "bytes", signal: AbortSignal): Promise<State> {
    await this.#ledger.catchUp(signal);
    const indexed = this.#ledger.of(key).get(key.start);
    if (indexed === undefined) return { is: "absent" };
    const entry = await this.#ledger.value(indexed, signal);
    const tag = indexed.at.toString();
    const described = read(key, entry);
    if (described.is === "damaged") return { ...described, tag };
    if (evidence === "bytes") {
      const reason = await copyProblem(this.#target, entry.copied, key.start, signal);
      if (reason !== undefined) return { is: "damaged", reason, tag };
    }
    return { ...described, tag };
  }

  /** Undefined when nothing is there; equal only when the copied records are there too. */
  async compared(d: Description, signal: AbortSignal): Promise<Published | undefined> {
    const state = await this.state(d, "bytes", signal);
    if (state.is === "absent") return undefined;
    if (state.is === "damaged") return { outcome: "different", state };
    const there = state.is === "data" ? state.description : descriptionOf(state.manifest);
    const equal = encodeDescription(there) === encodeDescription(d);
    return equal ? { outcome: "equal" } : { outcome: "different", state };
  }
}

type Read =
  | { readonly is: "damaged"; readonly reason: string }
  | Omit<Extract<State, { is: "data" }>, "tag">
  | Omit<Extract<State, { is: "whole" }>, "tag">;

/** What lies there is a claim: its text is checked as that of a file would be. */
function read(key: BatchKey, entry: LedgerEntry): Read {
  const bytes = Buffer.from(entry.text, "utf8");
  try {
    const found =
      entry.is === "whole"
        ? { is: entry.is, manifest: parseManifest(bytes) }
        : { is: entry.is, description: parseDescription(bytes) };
    const of = found.is === "whole" ? found.manifest : found.description;
    if (of.batchId === batchId(key)) return found;
    return { is: "damaged", reason: `the ledger holds ${of.batchId} under ${batchId(key)}` };
  } catch (error) {
    if (!(error instanceof ArchiverError) || error.code !== "manifest-invalid") throw error;
    return { is: "damaged", reason: `the ledger's ${batchId(key)}: ${error.message}` };
  }
}

/** Reported as passing: what was there a moment ago is looked for again. */
export const missing = (key: BatchKey): SinkError =>
  new SinkError("sink-transient", `${batchId(key)} is not in the ledger`);
