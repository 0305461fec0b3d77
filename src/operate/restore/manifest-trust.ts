import { genesisLink } from "../../core/chain.ts";
import type { Manifest } from "../../core/description.ts";
import { ArchiverError } from "../../core/errors.ts";
import { macOk } from "../../core/manifest.ts";
import { scopeText, type Scope } from "../../core/scope.ts";
import type { ArchiveIdentity } from "../../sdk/sink.ts";
import { manifestMacKey, type Seed } from "../../seal/keys.ts";

/**
 * Holds the manifests of one partition against its archive, the seeds and one another, in order; what is
 * not right ends the work before anything of that batch is used.
 */
export class ManifestTrust {
  readonly #identity: ArchiveIdentity;
  readonly #scope: Scope;
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  #before: { readonly end: bigint; readonly link: string } | undefined;
  #signed = false;

  constructor(identity: ArchiveIdentity, scope: Scope, seeds: readonly Seed[]) {
    this.#identity = identity;
    this.#scope = scope;
    this.#keys = new Map(seeds.map((s) => [s.keyId, manifestMacKey(s.secret)]));
  }

  /** @throws ArchiverError verification-failed */
  check(m: Manifest): void {
    const { archiveId, clusterId } = this.#identity;
    if (m.archiveId !== archiveId || m.clusterId !== clusterId) {
      throw wrong(m, `is of archive ${m.archiveId}, cluster ${m.clusterId}`);
    }
    if (scopeText(m) !== scopeText(this.#scope)) throw wrong(m, `is of ${scopeText(m)}`);
    this.#mac(m);
    this.#chain(m);
    this.#before = { end: m.end, link: m.link };
  }

  #mac(m: Manifest): void {
    if (this.#keys.size === 0) return;
    if (m.mac === undefined) {
      // Batches from before there was a seed: those with a MAC that follow vouch for them.
      if (this.#signed) throw wrong(m, "carries no MAC, although batches before it do");
      return;
    }
    this.#signed = true;
    const named = m.seal.keyId === undefined ? undefined : this.#keys.get(m.seal.keyId);
    const keys = named === undefined ? [...this.#keys.values()] : [named];
    if (!keys.some((key) => macOk(m, key))) {
      throw wrong(m, "its MAC is not that of any configured seed");
    }
  }

  #chain(m: Manifest): void {
    const before = this.#before;
    if (before?.end === m.start && m.prevLink !== before.link) {
      throw wrong(m, `follows the link ${m.prevLink}, the batch before it has ${before.link}`);
    }
    if (m.start === 0n && m.prevLink !== genesisLink(this.#identity.archiveId, this.#scope)) {
      throw wrong(m, "begins at offset 0 and follows another batch");
    }
  }
}

const wrong = (m: Manifest, text: string): ArchiverError =>
  new ArchiverError("verification-failed", `the manifest of ${m.batchId} ${text}`);
