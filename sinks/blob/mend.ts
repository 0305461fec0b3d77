import { blake3Hex } from "../../src/core/digest.ts";
import type { Manifest } from "../../src/core/description.ts";
import { manifestPath } from "../../src/core/layout.ts";
import { encodeDescription, encodeManifest } from "../../src/core/manifest.ts";
import type { BlobStore } from "../../src/sdk/blob-store.ts";
import type { SealedBatch } from "../../src/sdk/sink.ts";
import { CannotReplace, SinkError } from "../../src/sdk/sink-error.ts";
import { findData } from "./look.ts";
import { asidePath } from "./set-aside.ts";
import { readsAs, readWhole, storedEquals } from "./read-whole.ts";

/** So often at most, until two looks agree: a misread is another one the next time. */
const LOOKS = 4;
/** What is to be kept is read whole: so much longer than what belongs there it may be. */
const MAX_EXTRA_BYTES = 64 << 20;

/** What has to be at a path. */
interface Right {
  readonly path: string;
  readonly bytes: Uint8Array;
}

interface Mending {
  readonly store: BlobStore;
  /** Throws when nothing may be changed any more. */
  readonly sure: () => void;
  readonly signal: AbortSignal;
}

/**
 * A batch in the place of what is there instead of it, each file in one step: a request that comes late finds
 * another tag (docs/decisions/0019). Data first, so that no manifest is without its own. What was there
 * is in `quarantine/` before. Every step sees what was done already, so a run that was killed is gone on with.
 */
export async function mendStored(
  store: BlobStore,
  { description, bytes }: SealedBatch,
  manifest: Manifest,
  sure: () => void,
  signal: AbortSignal,
): Promise<"mended" | "equal" | "unable"> {
  // A run that was killed right after its rename may have left it so.
  store.relyOnHeads?.();
  const m = { store, sure, signal };
  const { path, digest } = description.seal;
  try {
    const found = await findData(store, description, signal);
    const others = found.filter((data) => data.path !== path);
    let mended = await mendFile(m, { path, bytes });
    if (others.length > 0 && !found.some((data) => data.path === path)) {
      const about = Buffer.from(encodeDescription(description), "utf8");
      await store.create(path, { bytes, digest, about }, signal);
    }
    const text = Buffer.from(encodeManifest(manifest), "utf8");
    if (await mendFile(m, { path: manifestPath(manifest), bytes: text })) mended = true;
    for (const other of others) {
      sure();
      if (store.move === undefined) return "unable";
      await store.move(other.path, asidePath(other.path, other.tag), other.tag, signal);
      mended = true;
    }
    return mended ? "mended" : "equal";
  } catch (error) {
    if (error instanceof CannotReplace) return "unable";
    throw error;
  }
}

/** False: nothing is there, or what belongs there. */
async function mendFile(m: Mending, right: Right): Promise<boolean> {
  const { store, sure, signal } = m;
  const wrong = await seenTwice(m, right);
  if (wrong === undefined || Buffer.compare(wrong.bytes, right.bytes) === 0) return false;
  await keep(m, `${asidePath(right.path, wrong.tag)}.kept`, wrong.bytes);
  sure();
  if (store.replace === undefined) throw new CannotReplace(`${right.path}: nothing is replaced`);
  await store.replace(right.path, right.bytes, wrong.tag, signal);
  if (await storedEquals(store, right.path, right.bytes, signal)) return true;
  throw new SinkError("sink-transient", `${right.path} does not read back as it was written`);
}

interface Seen {
  readonly bytes: Uint8Array;
  readonly tag: string;
}

/** Undefined: nothing is there. @throws SinkError sink-transient when no two looks agree */
async function seenTwice({ store, signal }: Mending, right: Right): Promise<Seen | undefined> {
  const { path } = right;
  const most = right.bytes.length + MAX_EXTRA_BYTES;
  for (let looks = 0; looks < LOOKS; looks += 1) {
    const head = await store.head(path, signal);
    if (head === undefined) return undefined;
    if (head.size > most)
      throw new CannotReplace(`${path}: ${head.size} bytes, at most ${most} are kept`);
    const bytes = await readWhole(store, path, most, signal);
    if (bytes === undefined || bytes.length !== head.size) continue;
    if (await readsAs(store, path, bytes, signal)) return { bytes, tag: head.tag };
  }
  const text = `${path} reads otherwise at every look: it is left as it is`;
  throw new SinkError("sink-transient", text);
}

async function keep({ store, signal }: Mending, path: string, bytes: Uint8Array): Promise<void> {
  const blob = { bytes, digest: blake3Hex(bytes) };
  if ((await store.create(path, blob, signal)) === "created") return;
  // Of a run before this one.
  if (await storedEquals(store, path, bytes, signal)) return;
  throw new SinkError("sink-permanent", `${path} is there already, and is something else`);
}
