import { makeAmendment } from "../../../src/core/amendment.ts";
import type { Hole, Manifest } from "../../../src/core/description.ts";
import { blake3Hex } from "../../../src/core/digest.ts";
import {
  IDENTITY,
  madeBatch,
  madeEncrypted,
  madeManifest,
} from "../../../src/sdk/conformance-batches.ts";
import type { SealedBatch, Sink } from "../../../src/sdk/sink.ts";

const SIZE = 3_000;
const never = new AbortController().signal;

interface Made {
  readonly batch: SealedBatch;
  readonly manifest: Manifest;
}

/** More than any store keeps beside a file: its description lies in a place of its own. */
const ABORTED = 1_200n;

/**
 * Batches that are delivered, the last of them set aside and delivered again, one rewrapped, one expired; of two others the wrong batch is there first; the third
 * has many holes. Only what is encrypted is ever rewrapped.
 */
export const CHAIN: readonly Made[] = [0n, 10n, 20n, 30n].reduce<readonly Made[]>((made, at, i) => {
  const [start, aborted] = i < 3 ? [at, i === 2 ? ABORTED : 0n] : [at + ABORTED, 0n];
  const whole = madeEncrypted({ partition: 0, start, count: 10n + aborted, aborted, size: SIZE });
  const holes = whole.description.holes.flatMap(inPairs);
  const batch = { ...whole, description: { ...whole.description, holes } };
  const manifest = madeManifest(batch.description, made.at(-1)?.manifest);
  return [...made, { batch, manifest }];
}, []);

/** Nobody delivers it. */
export const NEVER_CAME = madeBatch({ partition: 0, start: 5_000n }).description;
/** It is delivered, and removed for good. */
const REMOVED = madeBatch({ partition: 1, start: 0n });
const GZIP = { format: "ndjson", codec: "gzip", encrypted: false } as const;
/** What is there, of the same name or of another, and what belongs there. */
const WRONG = [
  [
    madeBatch({ partition: 2, start: 0n, seed: 2, count: 5n }),
    madeBatch({ partition: 2, start: 0n }),
  ],
  [madeBatch({ partition: 3, start: 0n, kind: GZIP }), madeBatch({ partition: 3, start: 0n })],
] as const;

/** The same offsets, two by two. */
function inPairs({ from, to, reason }: Hole): readonly Hole[] {
  return Array.from({ length: Number(to - from) / 2 }, (_, i) => {
    const at = from + 2n * BigInt(i);
    return { from: at, to: at + 2n, reason };
  });
}

/** What the file of a batch is after it was rewrapped. */
const rewrapped = (old: Uint8Array): Promise<Uint8Array> =>
  Promise.resolve(old.length === SIZE ? Buffer.concat([old, Buffer.from("again")]) : old);

/**
 * What a daemon and operators do with a sink, each step as they do it: who has died is gone on from. `aside`: the
 * last batch has not been set aside yet; it is told when that is over.
 */
export async function workOn(sink: Sink, aside: { due: boolean }): Promise<void> {
  await sink.check(never);
  await sink.claim(IDENTITY, never);
  for (const { batch, manifest } of CHAIN) await deliver(sink, batch, manifest);
  const last = CHAIN.at(-1);
  if (aside.due && last !== undefined) {
    const state = await sink.stat(last.manifest, "bytes", never);
    if (state.is !== "absent" && sink.setAside !== undefined)
      await sink.setAside(last.manifest, state.tag, never);
    await deliver(sink, last.batch, last.manifest);
    aside.due = false;
  }
  const [old, other] = CHAIN;
  if (other !== undefined) await rewrap(sink, other.manifest);
  for (const [wrong, right] of WRONG) await mend(sink, wrong, right);
  if (old !== undefined) await expire(sink, old.manifest);
  await removeWhole(sink);
  await look(sink);
  await sink.documents?.create("index/note.json", Buffer.from("{}\n"), never);
}

async function deliver(sink: Sink, batch: SealedBatch, manifest: Manifest): Promise<void> {
  const before = await sink.stat(manifest, "bytes", never);
  if (before.is === "whole") return;
  // Expired by the run before: its data does not come back.
  if (before.is === "damaged" && before.withoutData?.start === CHAIN[0]?.manifest.start) return;
  if (before.is === "damaged") await sink.setAside?.(manifest, before.tag, never);
  const data = await sink.publish(batch, never);
  const described = await sink.describe(manifest, never);
  for (const { outcome } of [data, described])
    if (outcome === "different") throw new Error(`${manifest.batchId} is there and is different`);
}

/** The right batch comes in the place of another one. */
async function mend(sink: Sink, wrong: SealedBatch, right: SealedBatch): Promise<void> {
  if (sink.mend === undefined) return;
  const manifest = madeManifest(right.description);
  const { is } = await sink.stat(manifest, "cheap", never);
  // Else the run before has begun with it.
  if (is === "absent" || is === "data") await deliver(sink, wrong, madeManifest(wrong.description));
  const mended = await sink.mend(right, manifest, () => undefined, never);
  if (mended === "unable") throw new Error(`${manifest.batchId} cannot be mended`);
}

async function rewrap(sink: Sink, m: Manifest): Promise<void> {
  if (sink.amend === undefined || sink.rewrap === undefined) return;
  const whole = CHAIN.find(({ manifest }) => manifest.start === m.start)?.batch.bytes;
  const file = await rewrapped(whole ?? Buffer.alloc(0));
  const made = { size: file.length, digest: blake3Hex(file), recipients: ["age1other"] };
  const amendment = makeAmendment(m, [], made, {});
  if ((await sink.amend(m, amendment, never)) !== "equal") throw new Error("another amendment");
  if ((await sink.rewrap(m, rewrapped, never)) === "gone") throw new Error("the file is gone");
}

async function expire(sink: Sink, m: Manifest): Promise<void> {
  if (sink.expire === undefined) return;
  const state = await sink.stat(m, "cheap", never);
  if (state.is === "whole") await sink.expire(m, state.tag, never);
}

async function removeWhole(sink: Sink): Promise<void> {
  if (sink.remove === undefined) return;
  const manifest = madeManifest(REMOVED.description);
  await deliver(sink, REMOVED, manifest);
  const state = await sink.stat(manifest, "bytes", never);
  if (state.is !== "whole") throw new Error(`${manifest.batchId} is ${state.is}`);
  await sink.remove(manifest, state.tag, never);
}

/** Everything that only looks. */
async function look(sink: Sink): Promise<void> {
  const { manifest } = CHAIN[2] ?? {};
  if (manifest === undefined) return;
  await sink.identity(never);
  await sink.floor(manifest, 1_000n, never);
  await sink.manifest(manifest, never);
  await sink.amendments?.(manifest, never);
  for await (const _ of sink.list(manifest, 0n, never));
  for await (const _ of sink.scopes(never));
  const holds = sink.capabilities.holds ?? (sink.capabilities.accepts === "sealed" ? "files" : "");
  if (holds === "files") for await (const _ of sink.read(manifest, { from: 10 }, never));
  else for await (const _ of sink.readRecords?.(manifest, never) ?? []);
}
