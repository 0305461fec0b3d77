import type { Manifest } from "../../core/description.ts";
import type { ArchiveIdentity } from "../../sdk/sink.ts";
import type { SeedKeys } from "./foreign-keys.ts";
import { type PublicKeys, signedByOne, unsignedText } from "./foreign-signatures.ts";
import { macMatches, ownGenesis } from "./own-manifest.ts";
import type { Pruned } from "./pruned-record.ts";
import type { Problem } from "./report.ts";
import type { Tally } from "./tally.ts";

/** By the id of the seed's line; empty without a seed. */
export type Seeds = ReadonlyMap<string, SeedKeys>;

/** What a chain is held against, besides itself. */
export interface Vouchers {
  readonly identity: ArchiveIdentity | undefined;
  readonly seeds: Seeds;
  /** Empty: signatures are not looked at. */
  readonly publicKeys: PublicKeys;
  /** A chain without any signature is wrong. @default true */
  readonly requireSignatures?: boolean | undefined;
  /** Published heads of this chain: where it ended, and its link there. */
  readonly heads: ReadonlyMap<bigint, string>;
  /** What the first batch follows, where what came before it has expired elsewhere. */
  readonly lateStart: string | undefined;
  /** How far `prune` says that it went. */
  readonly pruned: Pruned | undefined;
}

/** Follows the batches of one scope in order: gaps, overlaps, links, MACs, signatures and heads. */
export class ChainCheck {
  readonly #tally: Tally;
  readonly #identity: ArchiveIdentity | undefined;
  readonly #keys: Seeds;
  readonly #publicKeys: PublicKeys;
  readonly #heads: Map<bigint, string>;
  readonly #requireSignatures: boolean;
  readonly #pruned: Pruned | undefined;
  readonly #lateStart: string | undefined;
  /** Undefined at the beginning and after a manifest that could not be read. */
  #end: bigint | undefined;
  #link: string | undefined;
  #began = false;
  readonly #macs = new Marks("mac-missing", "MAC", "a seed is configured");
  readonly #signatures = new Marks("signature-missing", "signature", "a public key was given");

  constructor(tally: Tally, vouchers: Vouchers) {
    this.#tally = tally;
    this.#identity = vouchers.identity;
    this.#keys = vouchers.seeds;
    this.#publicKeys = vouchers.publicKeys;
    this.#requireSignatures = vouchers.requireSignatures ?? true;
    this.#heads = new Map(vouchers.heads);
    this.#pruned = vouchers.pruned;
    this.#lateStart = vouchers.lateStart;
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
    this.#signature(m, bytes, say);
    const overlaps = this.#end !== undefined && m.start < this.#end;
    this.#range(m, say);
    this.#chain(m, say);
    this.#began = true;
    this.#head(m, say);
    // A stray batch inside another's range must not make the rightful successor look wrong.
    if (overlaps && m.prevLink !== this.#link) return;
    this.#link = m.link;
    this.#end = this.#end !== undefined && this.#end > m.end ? this.#end : m.end;
  }

  /** After the last batch. */
  finish(): void {
    for (const marks of [this.#macs, ...(this.#requireSignatures ? [this.#signatures] : [])]) {
      const problem = marks.finish();
      if (problem !== undefined) this.#tally.problem(problem);
    }
    for (const [end, link] of [...this.#heads].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const reach = this.#end === undefined ? "nothing" : `offset ${this.#end}`;
      const text = `a batch ended at ${end} with link ${link} when its head was published; none does here, the chain reaches ${reach}: batches were removed or exchanged`;
      this.#tally.problem({ code: "head-missing", text });
    }
  }

  /** A head's batch is met once; one that ends there with another link is not it. */
  #head(m: Manifest, say: (code: string, text: string) => void): void {
    if (m.end === this.#pruned?.end && m.link !== this.#pruned.link)
      say("pruned-wrong", `its link is ${m.link}, the record of what was pruned has another`);
    const link = this.#heads.get(m.end);
    if (link === undefined) return;
    this.#heads.delete(m.end);
    if (m.link === link) this.#tally.looked.heads++;
    else say("head-differs", `its link is ${m.link}, the head published for ${m.end} has ${link}`);
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
    if (this.#macs.lacks(m, m.mac !== undefined, say)) return;
    const named = m.seal.keyId === undefined ? undefined : this.#keys.get(m.seal.keyId);
    const keys = named === undefined ? [...this.#keys.values()] : [named];
    if (keys.some((key) => macMatches(bytes, m, key.mac))) this.#tally.looked.macs++;
    else
      say(
        "mac-wrong",
        "its MAC is not that of any configured seed: forged, altered, or another seed",
      );
  }

  #signature(m: Manifest, bytes: Uint8Array, say: (code: string, text: string) => void): void {
    const { signature } = m;
    if (this.#publicKeys.size === 0) return;
    if (this.#signatures.lacks(m, signature !== undefined, say) || signature === undefined) return;
    const text = unsignedText(bytes) ?? "";
    if (signedByOne("manifest", text, signature, this.#publicKeys)) this.#tally.looked.signatures++;
    else
      say(
        "signature-wrong",
        `its signature (key ${signature.keyId}) is not by any of the public keys: forged, altered, or another key`,
      );
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
      if (m.prevLink !== genesis && m.prevLink !== this.#lateStart) {
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

/** What manifests carry from some batch on: the chain vouches for those before, and none may lack it after. */
class Marks {
  readonly #code: string;
  readonly #what: string;
  readonly #although: string;
  #met = false;
  #start: bigint | undefined;
  #count = 0;

  constructor(code: string, what: string, although: string) {
    this.#code = code;
    this.#what = what;
    this.#although = although;
  }

  lacks(m: Manifest, there: boolean, say: (code: string, text: string) => void): boolean {
    if (there) {
      this.#met = true;
      return false;
    }
    if (this.#met) say(this.#code, `carries no ${this.#what}, although batches before it do`);
    this.#start ??= m.start;
    this.#count++;
    return true;
  }

  /** When none carried it at all. */
  finish(): Problem | undefined {
    if (this.#met || this.#start === undefined) return undefined;
    const text = `${this.#count} manifests carry no ${this.#what}, although ${this.#although}`;
    return { code: this.#code, start: this.#start, text };
  }
}
