import { genesisLink } from "../core/chain.ts";
import type { Description, Manifest } from "../core/description.ts";
import { ArchiverError } from "../core/errors.ts";
import { scopeText } from "../core/scope.ts";
import { SinkConflict } from "./alarm.ts";
import type { TaskPorts } from "./ports.ts";

/** Links kept in memory: those of the newest batches, by the offset where the batch ends. */
const KEEP = 64;

interface Known {
  readonly link: string;
  readonly epoch: number;
}

/** The chain as the primary has it: which link does the batch that ends at an offset have? */
export class Links {
  readonly #ports: TaskPorts;
  readonly #byEnd = new Map<bigint, Known>();

  constructor(ports: TaskPorts) {
    this.#ports = ports;
  }

  saw(manifest: Manifest): void {
    this.#byEnd.delete(manifest.end);
    this.#byEnd.set(manifest.end, { link: manifest.link, epoch: epochAtEnd(manifest) });
    const oldest = this.#byEnd.keys().next();
    if (this.#byEnd.size > KEEP && oldest.done !== true) this.#byEnd.delete(oldest.value);
  }

  at(end: bigint): string | undefined {
    return this.#byEnd.get(end)?.link;
  }

  /** Leader epoch of the record batch that ends there; -1 when it is not known. */
  epochAt(end: bigint): number {
    return this.#byEnd.get(end)?.epoch ?? -1;
  }

  /** The link that a batch beginning at `start` names as its predecessor's. */
  async before(start: bigint, signal: AbortSignal): Promise<string> {
    const known = this.#byEnd.get(start);
    if (known !== undefined) return known.link;
    const { scope, archiveId, sinks } = this.#ports;
    const primary = sinks[0];
    if (primary === undefined) throw new ArchiverError("assertion-failed", "there is a primary");
    const found = start === 0n ? undefined : await primary.sink.floor(scope, start - 1n, signal);
    if (found === undefined) return genesisLink(archiveId, scope);
    if (found.end !== start) {
      throw new SinkConflict(
        "primary-invalid",
        primary,
        `${scopeText(scope)} in sink ${primary.name}: a batch begins at ${start}, but the one before ` +
          `it is ${found.start} to ${found.end}`,
      );
    }
    this.saw(found);
    return found.link;
  }
}

/** A batch that ends with offsets which compaction took ends with no record batch. */
export function epochAtEnd({ end, holes, leaderEpoch }: Description): number {
  const last = holes.at(-1);
  return last?.to === end && last.reason === "compacted" ? -1 : leaderEpoch;
}
