import type { Manifest } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";
import { readPublicKeys, readSeeds } from "../verify/inputs.ts";
import { prunedEnd } from "../verify/pruned-record.ts";
import type { RepairContext } from "./context.ts";
import type { Named } from "./verified.ts";

/** Which sinks no longer have a batch's data, as they may: by its age, or because `prune` said so there. */
export class GoneData {
  readonly #repair: RepairContext;
  readonly #scope: Scope;
  /** By sink: where what `prune` said of it ends. */
  readonly #pruned = new Map<string, bigint>();

  constructor(repair: RepairContext, scope: Scope) {
    this.#repair = repair;
    this.#scope = scope;
  }

  /** From every sink: where one still has its file, others can still open it. */
  async everywhere(sinks: readonly Named[], m: Manifest, signal: AbortSignal): Promise<boolean> {
    for (const named of sinks) if (!(await this.from(named, m, signal))) return false;
    return true;
  }

  async from(named: Named, m: Manifest, signal: AbortSignal): Promise<boolean> {
    if (!this.#repair.expired(m) && m.end > (await this.#prunedEnd(named, signal))) return false;
    const state = await named.sink.stat(m, "cheap", signal);
    return state.is === "damaged" && state.withoutData !== undefined;
  }

  async #prunedEnd({ name, sink }: Named, signal: AbortSignal): Promise<bigint> {
    const known = this.#pruned.get(name);
    if (known !== undefined) return known;
    const { identity, pipeline } = this.#repair;
    const by = {
      archiveId: identity.archiveId,
      seeds: await readSeeds([pipeline]),
      publicKeys: await readPublicKeys([], [pipeline]),
    };
    const end = await prunedEnd({ sink, scope: this.#scope, ...by }, signal);
    this.#pruned.set(name, end);
    return end;
  }
}
