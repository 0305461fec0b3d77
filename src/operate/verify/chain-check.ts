import type { Manifest } from "../../core/description.ts";
import type { ArchiveIdentity } from "../../sdk/sink.ts";
import type { SeedKeys } from "./foreign-keys.ts";
import { macMatches, ownGenesis } from "./own-manifest.ts";
import type { Tally } from "./tally.ts";

/** By the id of the seed's line; empty without a seed. */
export type Seeds = ReadonlyMap<string, SeedKeys>;

/** Follows the batches of one scope in order: gaps, overlaps, links and MACs. */
export class ChainCheck {
  readonly #tally: Tally;
  readonly #identity: ArchiveIdentity | undefined;
  readonly #keys: Seeds;
  /** Undefined at the beginning and after a manifest that could not be read. */
  #end: bigint | undefined;
  #link: string | undefined;
  #began = false;
  #signed = false;
  #unsigned: { start: bigint; count: number } | undefined;

  constructor(tally: Tally, identity: ArchiveIdentity | undefined, keys: Seeds) {
    this.#tally = tally;
    this.#identity = identity;
    this.#keys = keys;
  }

  /** The manifest of `start` is unreadable or missing: the next one cannot be held against it. */
  lose(start: bigint): void {
    if (this.#end !== undefined && start < this.#end) return;
    this.#began = true;
    this.#end = undefined;
    this.#link = undefined;
  }

  follow(m: Manifest, bytes: Uint8Array, path: string): void {
    const say = (code: string, text: string): void =>
      this.#tally.problem({ code, path, start: m.start, text });
    this.#belongs(m, say);
    this.#mac(m, bytes, say);
    const overlaps = this.#end !== undefined && m.start < this.#end;
    this.#range(m, say);
    this.#chain(m, say);
    this.#began = true;
    // A stray batch inside another's range must not make the rightful successor look wrong.
    if (overlaps && m.prevLink !== this.#link) return;
    this.#link = m.link;
    this.#end = this.#end !== undefined && this.#end > m.end ? this.#end : m.end;
  }

  /** After the last batch. */
  finish(): void {
    if (this.#unsigned === undefined || this.#signed) return;
    const { start, count } = this.#unsigned;
    const text = `${count} manifests carry no MAC, although a seed is configured`;
    this.#tally.problem({ code: "mac-missing", start, text });
  }

  #belongs(m: Manifest, say: (code: string, text: string) => void): void {
    if (this.#identity === undefined) return;
    const { archiveId, clusterId } = this.#identity;
    if (m.archiveId !== archiveId || m.clusterId !== clusterId) {
      say(
        "foreign",
        `is of archive ${m.archiveId}, cluster ${m.clusterId}, not ${archiveId}, ${clusterId}`,
      );
    }
  }

  /** A manifest without MAC may only come before all that have one: the chain vouches for those. */
  #mac(m: Manifest, bytes: Uint8Array, say: (code: string, text: string) => void): void {
    if (this.#keys.size === 0) return;
    if (m.mac === undefined) {
      if (this.#signed) say("mac-missing", "carries no MAC, although batches before it do");
      this.#unsigned = {
        start: this.#unsigned?.start ?? m.start,
        count: (this.#unsigned?.count ?? 0) + 1,
      };
      return;
    }
    this.#signed = true;
    const named = m.seal.keyId === undefined ? undefined : this.#keys.get(m.seal.keyId);
    const keys = named === undefined ? [...this.#keys.values()] : [named];
    if (!keys.some((key) => macMatches(bytes, m, key.mac))) {
      say(
        "mac-wrong",
        "its MAC is not that of any configured seed: forged, altered, or another seed",
      );
    }
  }

  #range(m: Manifest, say: (code: string, text: string) => void): void {
    const end = this.#end;
    if (end === undefined || m.start === end) return;
    if (m.start > end) {
      this.#tally.gap({ from: end, to: m.start });
      say("gap", `offsets [${end}, ${m.start}) before it are in no batch`);
    } else {
      const to = m.end < end ? m.end : end;
      this.#tally.overlap({ from: m.start, to });
      say("overlap", `offsets [${m.start}, ${to}) are in a batch before it as well`);
    }
  }

  #chain(m: Manifest, say: (code: string, text: string) => void): void {
    if (!this.#began) {
      const genesis = ownGenesis(this.#identity?.archiveId ?? m.archiveId, m);
      if (m.prevLink !== genesis) {
        say(
          "chain-start",
          `is the first here, but follows the link ${m.prevLink}: batches before it are missing`,
        );
      }
      return;
    }
    if (this.#link !== undefined && m.prevLink !== this.#link) {
      say("chain-broken", `follows the link ${m.prevLink}, the batch before it has ${this.#link}`);
    }
  }
}
