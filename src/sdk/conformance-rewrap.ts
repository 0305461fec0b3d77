import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Amendment, makeAmendment } from "../core/amendment.ts";
import type { Manifest } from "../core/description.ts";
import { blake3Hex } from "../core/digest.ts";
import { madeEncrypted, madeManifest } from "./conformance-batches.ts";
import { type ConformanceCase, never, onFaultyPlace, onPlace } from "./conformance-case.ts";
import { endsWhenToldTo, tried } from "./conformance-faults.ts";
import type { Sink } from "./sink.ts";
import { SinkError } from "./sink-error.ts";

/** What was held arrives within this. */
const ARRIVED_MS = 400;

export const rewrapCases: readonly ConformanceCase[] = [
  onPlace(
    "a rewrapped file is what its newest amendment says, and none else is left",
    async (on) => {
      const { sink, open, place } = on;
      if (sink.rewrap === undefined) return "not-asked";
      const file = await RewrappedFile.publish(sink);
      await assert.rejects(file.rewrap(sink), SinkError, "a file without an amendment");
      const before = await place.finalNames();
      for (const number of [1, 2]) {
        await file.amend();
        assert.equal(await file.rewrap(sink), "replaced");
        assert.equal(await file.rewrap(await open()), "there");
        await file.assertNewest(await open());
        assert.equal((await place.finalNames()).length, before.length + number);
      }
      return "held";
    },
  ),

  onFaultyPlace(
    "a rewrap whose answer was lost is found done, and one that arrives late takes no newer file",
    ["answer-lost", "late"],
    async ({ faulty, sink, open, place }) => {
      if (sink.rewrap === undefined) return "not-asked";
      const file = await RewrappedFile.publish(sink);
      const before = await place.finalNames();
      await file.amend();
      faulty.fault("answer-lost");
      const [lost] = await Promise.allSettled([file.rewrap(faulty.sink)]);
      if (lost.status === "rejected") assertTransient(lost.reason);
      faulty.fault(null);
      assert.match(await tried(() => file.rewrap(faulty.sink)), /^(?:replaced|there)$/);
      await file.assertNewest(sink);
      await file.amend();
      faulty.fault("late");
      await endsWhenToldTo((signal) => file.rewrap(faulty.sink, signal), "rewrap");
      assert.equal(await file.rewrap(sink), "replaced");
      await file.amend();
      assert.equal(await file.rewrap(sink), "replaced");
      faulty.fault(null);
      await sleep(ARRIVED_MS);
      await file.assertNewest(await open());
      assert.equal((await place.finalNames()).length, before.length + 3);
      return "held";
    },
  ),
];

/** A batch whose file has one form after another, each longer than the one before. */
class RewrappedFile {
  readonly #sink: Sink;
  readonly #manifest: Manifest;
  readonly #forms: Buffer[];
  readonly #amendments: Amendment[] = [];

  private constructor(sink: Sink, manifest: Manifest, bytes: Uint8Array) {
    this.#sink = sink;
    this.#manifest = manifest;
    this.#forms = [Buffer.from(bytes)];
  }

  static async publish(sink: Sink): Promise<RewrappedFile> {
    const batch = madeEncrypted({ partition: 0, start: 0n });
    const manifest = madeManifest(batch.description);
    await sink.publish(batch, never);
    await sink.describe(manifest, never);
    return new RewrappedFile(sink, manifest, batch.bytes);
  }

  async amend(): Promise<void> {
    const next = Buffer.concat([this.#newest, Buffer.from(`form ${this.#forms.length}`)]);
    const seal = { size: next.length, digest: blake3Hex(next), recipients: ["age1conformance"] };
    const amendment = makeAmendment(this.#manifest, this.#amendments, seal, {});
    assert.equal(await this.#sink.amend?.(this.#manifest, amendment, never), "equal");
    this.#forms.push(next);
    this.#amendments.push(amendment);
  }

  async rewrap(sink: Sink, signal = never): Promise<string> {
    const newest = this.#newest;
    return String(await sink.rewrap?.(this.#manifest, () => Promise.resolve(newest), signal));
  }

  async assertNewest(sink: Sink): Promise<void> {
    const state = await sink.stat(this.#manifest, "bytes", never);
    assert.ok(state.is === "whole", state.is);
    assert.equal(state.manifest.seal.digest, blake3Hex(this.#newest));
  }

  get #newest(): Buffer {
    const newest = this.#forms.at(-1);
    assert.ok(newest !== undefined);
    return newest;
  }
}

function assertTransient(error: unknown): void {
  assert.ok(error instanceof SinkError, `rewrap raises no SinkError: ${String(error)}`);
  assert.equal(error.code, "sink-transient", error.message);
}
