import type { Manifest } from "../../core/description.ts";
import type { Scope } from "../../core/scope.ts";
import type { Sink } from "../../sdk/sink.ts";
import { KeyFilter, keyFilterPath } from "./key-filter.ts";
import { indexFolder } from "./roll-up.ts";
import { isIndexDamage } from "./rolled-up.ts";

/** A batch's filter, where one is that can be read; else why it cannot. */
export type FoundFilter =
  | { readonly path: string; readonly filter: KeyFilter }
  | { readonly path: string; readonly wrong: string };

/** The filters of keys of one chain. To be asked in the order of the batches: the listing goes along with them. */
export class KeyFilters {
  readonly #sink: Sink;
  readonly #scope: Scope;
  #paths: AsyncIterator<string> | undefined;
  #ahead: string | undefined;

  constructor(sink: Sink, scope: Scope) {
    this.#sink = sink;
    this.#scope = scope;
  }

  async of(manifest: Manifest, signal: AbortSignal): Promise<FoundFilter | undefined> {
    const { documents } = this.#sink;
    const path = keyFilterPath(manifest);
    if (documents === undefined || !(await this.#isThere(path, signal))) return undefined;
    const bytes = await documents.read(path, signal);
    if (bytes === undefined) return undefined;
    try {
      return { path, filter: KeyFilter.parse(bytes, manifest.link) };
    } catch (error) {
      if (!isIndexDamage(error)) throw error;
      return { path, wrong: error.message };
    }
  }

  async #isThere(path: string, signal: AbortSignal): Promise<boolean> {
    const { documents } = this.#sink;
    this.#paths ??= documents?.list(indexFolder(this.#scope), signal)[Symbol.asyncIterator]();
    while (this.#paths !== undefined && (this.#ahead === undefined || this.#ahead < path)) {
      const next = await this.#paths.next();
      if (next.done === true) return false;
      this.#ahead = next.value;
    }
    return this.#ahead === path;
  }
}
