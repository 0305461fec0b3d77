import { open } from "node:fs/promises";
import { encodeHead } from "../core/head.ts";
import { offsetName } from "../core/layout.ts";
import { type Scope, scopeText } from "../core/scope.ts";
import type { Signer } from "../core/signature.ts";

/** Where heads are published: with other rights than the sinks of the archive, best of all. */
export interface HeadPlace {
  /** Durable when it resolves. Publishing a head again changes nothing that counts. */
  publish(heads: readonly SignedHead[], signal: AbortSignal): Promise<void>;
}

export interface SignedHead {
  readonly archiveId: string;
  readonly scope: Scope;
  readonly end: bigint;
  /** As docs/format-manifest.md has it. */
  readonly line: string;
}

export interface HeadPublisherOptions {
  readonly place: HeadPlace;
  readonly signer: Signer;
  readonly archiveId: string;
  readonly clusterId: string;
}

/** Publishes the heads of all chains of this process that moved since they were published last. */
export class HeadPublisher {
  readonly #o: HeadPublisherOptions;
  readonly #due = new Map<string, SignedHead>();
  readonly #published = new Map<string, bigint>();

  constructor(o: HeadPublisherOptions) {
    this.#o = o;
  }

  saw(scope: Scope, { end, link }: { readonly end: bigint; readonly link: string }): void {
    if (this.#published.get(scopeText(scope)) === end) return;
    const { archiveId, clusterId, signer } = this.#o;
    const { topic, topicId, partition, branch } = scope;
    const said = { version: 1 as const, archiveId, clusterId, topic, topicId, partition, branch };
    const line = encodeHead({ ...said, end, link }, signer);
    this.#due.set(scopeText(scope), { archiveId, scope, end, line });
  }

  /** What is due stays due until the place has it. */
  async publish(signal: AbortSignal): Promise<void> {
    const due = [...this.#due];
    if (due.length === 0) return;
    await this.#o.place.publish(
      due.map(([, head]) => head),
      signal,
    );
    for (const [scope, head] of due) {
      this.#published.set(scope, head.end);
      if (this.#due.get(scope) === head) this.#due.delete(scope);
    }
  }
}

/** Lines appended to one file, which several processes may share and none ever reads. */
export const fileOfHeads = (path: string): HeadPlace => ({
  publish: async (heads) => {
    const file = await open(path, "a", 0o644);
    try {
      await file.appendFile(heads.map(({ line }) => line).join(""));
      await file.sync();
    } finally {
      await file.close();
    }
  },
});

/** One object a head: a store that only creates keeps them all. */
export const headPath = (scope: Scope, end: bigint): string =>
  `heads/${scopeText(scope)}/${offsetName(end)}.json`;
