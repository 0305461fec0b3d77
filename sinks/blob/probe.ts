import { randomBytes } from "node:crypto";
import { blake3Hex } from "../../src/core/digest.ts";
import type { BlobStore, NewBlob } from "../../src/sdk/blob-store.ts";
import type { Finding } from "../../src/sdk/sink.ts";
import { SinkError } from "../../src/sdk/sink-error.ts";
import { readsAs } from "./read-whole.ts";

const PROBE_BYTES = 64 << 10;

/** Does under `tmp/` what archiving does: create, read back, create again, and removes it. */
export async function probe(store: BlobStore, signal: AbortSignal): Promise<readonly Finding[]> {
  const path = `tmp/check-${randomBytes(8).toString("hex")}/probe`;
  try {
    return await probeAt(store, path, signal);
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    return [{ level: "error", code: error.code, text: error.message }];
  }
}

async function probeAt(
  store: BlobStore,
  path: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const blob = probeBlob();
  const findings: Finding[] = [];
  const say = (level: Finding["level"], code: string, text: string): void => {
    findings.push({ level, code, text });
  };
  if ((await store.create(path, blob, signal)) !== "created") {
    say("error", "probe-not-created", `${path}: a new name was answered as existing`);
  }
  if (!(await readsAs(store, path, blob.bytes, signal))) {
    say("error", "probe-differs", `${path} does not read back as it was written`);
  }
  // Twice: a store that forgets the condition once is not a primary.
  for (const again of [probeBlob(), probeBlob()]) {
    if ((await store.create(path, again, signal)) !== "exists") {
      say("error", "not-create-only", `${path}: an existing name was created again`);
    }
  }
  if (!(await readsAs(store, path, blob.bytes, signal))) {
    say("error", "not-create-only", `${path} was replaced by a later create`);
  }
  await clean(store, path, signal, say);
  if (findings.every((f) => f.level === "warning")) {
    const text = "written, read back, not replaced";
    say("ok", "write-probe", findings.length === 0 ? `${text}, removed` : text);
  }
  return findings;
}

async function clean(
  store: BlobStore,
  path: string,
  signal: AbortSignal,
  say: (level: Finding["level"], code: string, text: string) => void,
): Promise<void> {
  const head = await store.head(path, signal);
  if (store.remove === undefined || head === undefined) {
    say("warning", "probe-left", `${path} stays behind`);
    return;
  }
  try {
    await store.remove(path, head.tag, signal);
  } catch (error) {
    // Keys that may write and not remove are fine for archiving, and so is a bucket that locks.
    if (!(error instanceof SinkError) || error.code === "sink-transient") throw error;
    say("warning", "probe-left", `${path} stays behind: ${error.message}`);
    return;
  }
  if ((await store.head(path, signal)) !== undefined) {
    say("warning", "probe-left", `${path} stays behind after it was removed`);
  }
}

function probeBlob(): NewBlob {
  const bytes = randomBytes(PROBE_BYTES);
  return { bytes, digest: blake3Hex(bytes) };
}
