import type { Cut } from "../../core/cut.ts";
import type { Description, Manifest } from "../../core/description.ts";
import { encodeDescription, descriptionOf, makeManifest } from "../../core/manifest.ts";
import type { Scope } from "../../core/scope.ts";
import { recipes } from "../../daemon/recipes.ts";
import { markOf } from "../../pipeline/marks.ts";
import type { SealedBatch } from "../../sdk/sink.ts";
import { manifestMacKey } from "../../seal/keys.ts";
import type { CutSealer } from "../../seal/pool.ts";
import { likelyRecipes } from "../../seal/likely-recipes.ts";
import type { SealRecipe } from "../../seal/recipe.ts";
import type { RepairContext, RepairKafka } from "./context.ts";
import type { Whole } from "./placing.ts";
import { cutIfThere } from "./range-cut.ts";
import { sealedBatch } from "./verified.ts";

export type Remade =
  /** The bytes and the description that the manifest says. */
  | { readonly is: "same"; readonly batch: SealedBatch }
  /** The same records under the same link, in a file that is another. */
  | { readonly is: "other-file"; readonly whole: Whole }
  | { readonly is: "gone" | "other-content"; readonly text: string };

/** Makes batches from what Kafka has. One at a time per partition: each is whole in memory. */
export class Remaker {
  readonly #repair: RepairContext;
  readonly #kafka: RepairKafka;
  readonly #archiveId: string;
  readonly #pool: CutSealer;

  constructor(repair: RepairContext, kafka: RepairKafka, archiveId: string) {
    this.#repair = repair;
    this.#kafka = kafka;
    this.#archiveId = archiveId;
    this.#pool = repair.sealer(repair.seeds);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** A batch whose manifest is known, with its boundaries and in its form. */
  async again(m: Manifest, scope: Scope): Promise<Remade> {
    const { start, end } = m;
    const range = { start, exactEnd: end, limit: end, bytes: 1 << 30 };
    const cut = await cutIfThere(this.#kafka.topics, scope, range, this.#repair);
    if (cut === null || cut === "nothing") {
      return { is: "gone", text: "Kafka no longer has its offsets" };
    }
    try {
      if (cut.end !== end || cut.records !== m.records) {
        const text = `Kafka has ${cut.records} records of it up to ${cut.end}; it had ${m.records} up to ${end}`;
        return { is: "gone", text };
      }
      return await this.#asItWas(m, cut);
    } finally {
      cut.release();
    }
  }

  /**
   * A new batch from `start` on, by the normal rules; `limit`: it ends there at the latest. Null: Kafka
   * no longer has the start.
   */
  async next(
    scope: Scope,
    request: { readonly start: bigint; readonly limit: bigint; readonly whole: boolean },
    prevLink: string,
  ): Promise<Whole | "nothing" | null> {
    const { start, limit, whole } = request;
    const { bytes } = this.#repair.pipeline.batch;
    // A batch that was lost ended at most one record batch above the rule.
    const range = { start, exactEnd: null, limit, bytes: whole ? 2 * bytes : bytes };
    const cut = await cutIfThere(this.#kafka.topics, scope, range, this.#repair);
    if (cut === null || cut === "nothing") return cut;
    try {
      const recipe = this.#recipe(0);
      const sealed = await this.#pool.seal(cut, recipe, this.#repair.signal);
      return this.#whole(sealed.description, sealed.bytes, prevLink);
    } finally {
      cut.release();
    }
  }

  /** The manifest of a batch with its place in this archive's chain. */
  manifest(d: Description, prevLink: string): Manifest {
    const { seeds, signer } = this.#repair;
    const seed = seeds.find((s) => s.keyId === d.seal.keyId) ?? seeds[0];
    const macKey = seed === undefined ? undefined : manifestMacKey(seed.secret);
    return makeManifest(d, prevLink, macKey, signer ?? undefined);
  }

  async #asItWas(m: Manifest, cut: Cut): Promise<Remade> {
    const wanted = encodeDescription(descriptionOf(m));
    if (m.seal.encryption !== "none") {
      const text = "it is encrypted, and the salt of its plan is gone: other bytes would be made";
      return { is: "other-content", text };
    }
    let other: { readonly description: Description; readonly bytes: Uint8Array } | null = null;
    for (const recipe of likelyRecipes(m, this.#recipe(m.revision))) {
      const sealed = await this.#pool.seal(cut, recipe, this.#repair.signal);
      const { description, bytes } = sealed;
      if (markOf(description.content) !== markOf(m.content)) {
        return { is: "other-content", text: "Kafka's records now make another content digest" };
      }
      if (encodeDescription(description) === wanted) {
        return { is: "same", batch: sealedBatch(description, bytes, []) };
      }
      other ??= sealed;
    }
    if (other === null) return { is: "other-content", text: "it cannot be made" };
    const description = { ...other.description, revision: m.revision + 1 };
    return { is: "other-file", whole: this.#whole(description, other.bytes, m.prevLink) };
  }

  #recipe(revision: number): SealRecipe {
    const { pipeline, seeds, random, identity, sinks } = this.#repair;
    const { codec, level, recompress } = pipeline.compression;
    const settings = {
      archiveId: this.#archiveId,
      clusterId: identity.clusterId,
      ...{ format: pipeline.format, codec, level, recompress, onPoison: pipeline.onPoison },
      recipients: pipeline.encryption?.recipients ?? [],
      keyIds: seeds.map((s) => s.keyId),
      withRecordsDigest: sinks.some((s) => s.sink.capabilities.accepts === "records"),
    };
    return recipes(settings, random)(null, revision);
  }

  #whole(description: Description, bytes: Uint8Array, prevLink: string): Whole {
    const manifest = this.manifest(description, prevLink);
    return { manifest, batch: sealedBatch(description, bytes, []) };
  }
}
