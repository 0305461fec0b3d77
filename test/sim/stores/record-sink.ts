import type { Description, Manifest } from "../../../src/core/description.ts";
import { dataFolder, manifestFolder, manifestPath } from "../../../src/core/layout.ts";
import {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  parseDescription,
  parseManifest,
} from "../../../src/core/manifest.ts";
import type { ArchivedRecord } from "../../../src/core/record.ts";
import { batchId, type BatchKey, type Scope } from "../../../src/core/scope.ts";
import { encodeIdentity, IDENTITY_PATH, parseIdentity } from "../../../src/sdk/identity.ts";
import type {
  ArchiveIdentity,
  Capabilities,
  Listed,
  Published,
  SealedBatch,
  Sink,
  State,
} from "../../../src/sdk/sink.ts";
import { SinkError } from "../../../src/sdk/sink-error.ts";
import { placeOf } from "../check/archive.ts";
import { misread } from "./misread.ts";
import { bytes, documentPath, type Entry, entryPath, RecordStates, text } from "./record-states.ts";
import { keepRecord } from "./record-text.ts";
import { type Ask, asking, type ViewPorts } from "./store-view.ts";

/** Documents that one request creates: the others may never come. */
const BULK = 3;

/**
 * A sink of records. `documents`: each record is created by itself, some with one request, and the batch's own
 * document is last. `ledger`: a transaction appends records and entry at once, and whoever begins one for the
 * same batch fences the one before. Neither removes anything or sets it aside.
 */
export class RecordSink implements Sink {
  readonly capabilities: Capabilities;
  readonly #p: ViewPorts;
  readonly #ask: Ask;
  readonly #states: RecordStates;

  constructor(p: ViewPorts) {
    const isLedger = p.store.style.form === "ledger";
    this.capabilities = {
      ...{ accepts: "records", createOnly: "atomic", setAside: false, remove: false },
      backfill: isLedger ? "append-only" : "anywhere",
      ...(isLedger ? {} : { primary: "when-alone" as const }),
      ...{ evidence: "read-back", maxBatchBytes: Number.MAX_SAFE_INTEGER },
    };
    this.#p = p;
    this.#ask = asking(p);
    this.#states = new RecordStates(p, this.#ask);
  }

  check(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  async claim(identity: ArchiveIdentity, signal: AbortSignal): Promise<ArchiveIdentity> {
    await this.#create("identity", IDENTITY_PATH, encodeIdentity(identity), signal);
    const there = await this.identity(signal);
    if (there === undefined) throw this.#vanished(IDENTITY_PATH);
    return there;
  }

  async identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    const stored = await this.#get("identity", IDENTITY_PATH, signal);
    return stored === undefined ? undefined : parseIdentity(stored);
  }

  publish(batch: SealedBatch, signal: AbortSignal): Promise<Published> {
    return this.#p.store.style.form === "ledger"
      ? this.#append(batch, signal)
      : this.#write(batch, signal);
  }

  async #write(batch: SealedBatch, signal: AbortSignal): Promise<Published> {
    const { description: d } = batch;
    const there = await this.#states.compared(d, signal);
    if (there !== undefined) return there;
    const records = await recordsOf(batch, signal);
    for (let at = 0; at < records.length; at += BULK)
      await this.#bulk(d, records.slice(at, at + BULK), signal);
    const entry: Entry = { about: encodeDescription(d) };
    if (await this.#create("data", entryPath(d), JSON.stringify(entry), signal))
      return { outcome: "created" };
    const now = await this.#states.compared(d, signal);
    if (now === undefined) throw this.#vanished(batchId(d));
    return now;
  }

  /** One that exists has to be the same. */
  async #bulk(s: Scope, records: readonly ArchivedRecord[], signal: AbortSignal): Promise<void> {
    const { store } = this.#p;
    const other = await this.#ask(
      "create documents",
      () =>
        records.find((r) => {
          const path = documentPath(s, r.offset);
          const made = bytes(JSON.stringify(keepRecord(r)));
          if (store.create(path, made, null) === "created") return false;
          return Buffer.compare(store.objects.get(path)?.bytes ?? new Uint8Array(), made) !== 0;
        }),
      signal,
    );
    if (other === undefined) return;
    const where = `${batchId({ ...s, start: other.offset })}`;
    throw new SinkError("sink-permanent", `${store.name}: another document is at ${where}`);
  }

  async #append(batch: SealedBatch, signal: AbortSignal): Promise<Published> {
    const { description: d } = batch;
    const { store } = this.#p;
    const path = entryPath(d);
    const epoch = await this.#ask("begin data", () => store.begin(path), signal);
    const there = await this.#states.compared(d, signal);
    if (there !== undefined) return there;
    const records = (await recordsOf(batch, signal)).map(keepRecord);
    const entry: Entry = { about: encodeDescription(d), records };
    const append = (): void => {
      if (!store.isNewest(path, epoch))
        throw new SinkError("sink-transient", `${store.name}: fenced at ${path}`);
      store.put(path, bytes(JSON.stringify(entry)), null);
    };
    await this.#ask("create data", append, signal);
    return { outcome: "created" };
  }

  async describe(manifest: Manifest, signal: AbortSignal): Promise<Published> {
    const about = encodeDescription(descriptionOf(manifest));
    const made = encodeManifest(manifest);
    const { entry } = await this.#states.stored(manifest, signal);
    if (entry === undefined) throw this.#vanished(batchId(manifest));
    if (entry.about === about) {
      const path = manifestPath(manifest);
      if (await this.#create("manifests", path, made, signal)) return { outcome: "created" };
      const there = await this.#get("manifests", path, signal);
      if (there !== undefined && text(there) === made) return { outcome: "equal" };
    }
    return { outcome: "different", state: await this.stat(manifest, "bytes", signal) };
  }

  stat(key: BatchKey, evidence: "cheap" | "bytes", signal: AbortSignal): Promise<State> {
    return this.#states.state(key, evidence, signal);
  }

  async floor(scope: Scope, offset: bigint, signal: AbortSignal): Promise<Manifest | undefined> {
    const { store } = this.#p;
    const greatest = (): Uint8Array | undefined => {
      const below = store.paths(manifestFolder(scope)).filter((p) => startOf(p) <= offset);
      return store.objects.get(below.at(-1) ?? "")?.bytes;
    };
    const found = await this.#ask("greatest", greatest, signal);
    return found === undefined ? undefined : parseManifest(misread(this.#p, found));
  }

  async *list(scope: Scope, from: bigint, signal: AbortSignal): AsyncGenerator<Listed> {
    const { store } = this.#p;
    const look = (): Listed[] => {
      const data = new Map(store.paths(dataFolder(scope)).map((p) => [startOf(p), p]));
      const manifests = new Map(store.paths(manifestFolder(scope)).map((p) => [startOf(p), p]));
      const starts = [...new Set([...data.keys(), ...manifests.keys()])].filter((s) => s >= from);
      return starts.sort(ascending).map((start) => {
        const [at, manifest] = [data.get(start), manifests.get(start)];
        return {
          start,
          ...(at === undefined ? {} : { data: this.#listed(at) }),
          ...(manifest === undefined ? {} : { manifest: { path: manifest } }),
        };
      });
    };
    yield* await this.#ask("list", look, signal);
  }

  /** Under the name and with the size that the file of the batch has where there are files. */
  #listed(path: string): NonNullable<Listed["data"]> {
    const entry = JSON.parse(text(this.#p.store.objects.get(path)?.bytes ?? bytes(""))) as Entry;
    const { seal } = parseDescription(bytes(entry.about));
    return { path: seal.path, size: seal.size };
  }

  async *scopes(signal: AbortSignal): AsyncGenerator<Scope> {
    const { store } = this.#p;
    const look = (): string[] => [...store.paths("data"), ...store.paths("manifests")];
    const seen = new Set<string>();
    for (const path of await this.#ask("folders", look, signal)) {
      const [, topic = "", topicId = "", partition, branch] = path.split("/");
      const key = `${topic}/${topicId}/${partition}/${branch}`;
      if (seen.has(key)) continue;
      seen.add(key);
      yield { topic, topicId, partition: Number(partition), branch: Number(branch) };
    }
  }

  manifest(key: BatchKey, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#get("manifests", manifestPath(key), signal);
  }

  // oxlint-disable-next-line require-yield -- records have no file
  async *read(d: Description): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    throw new SinkError("sink-permanent", `${batchId(d)}: this sink holds records, not files`);
  }

  async *readRecords(key: BatchKey, signal: AbortSignal): AsyncGenerator<ArchivedRecord[]> {
    const { entry } = await this.#states.stored(key, signal);
    if (entry === undefined) throw this.#vanished(batchId(key));
    yield* this.#states.records(parseDescription(bytes(entry.about)), entry, signal);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #get(kind: string, path: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { objects } = this.#p.store;
    const found = await this.#ask(`get ${kind}`, () => objects.get(path)?.bytes.slice(), signal);
    return found && misread(this.#p, found);
  }

  /** False: something of that name is there, or the store says so of what it has just made. */
  async #create(kind: string, path: string, made: string, signal: AbortSignal): Promise<boolean> {
    const { store, unit, trouble } = this.#p;
    const put = (): "created" | "exists" => store.create(path, bytes(made), null);
    const outcome = await this.#ask(`create ${kind}`, put, signal);
    return outcome === "created" && unit() >= trouble().forgets;
  }

  #vanished(what: string): SinkError {
    return new SinkError("sink-transient", `${this.#p.store.name}: ${what} is not there`);
  }
}

async function recordsOf({ records }: SealedBatch, signal: AbortSignal): Promise<ArchivedRecord[]> {
  if (records === undefined) throw new Error("a sink of records got none");
  const all: ArchivedRecord[] = [];
  for await (const some of records(signal)) all.push(...some);
  return all;
}

const startOf = (path: string): bigint => BigInt(placeOf(path)?.start ?? -1);
const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));
