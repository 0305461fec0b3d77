import type { Description } from "../core/description.ts";
import type { Scope } from "../core/scope.ts";
import type { Documents } from "../sdk/documents.ts";
import type { ByteRange, Listed, Sink } from "../sdk/sink.ts";

export type SinkOp = Exclude<keyof Sink, "capabilities" | "close">;

/** What a decorator does around every call of a sink. */
export interface Around {
  /** `bytes`: what a call is about to write. */
  call<T>(
    op: SinkOp,
    bytes: number,
    run: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
  /** `open` may be called again after a failure: it continues behind what was yielded last. */
  stream<T>(
    op: SinkOp,
    open: (signal: AbortSignal) => AsyncIterable<T>,
    signal: AbortSignal,
  ): AsyncIterable<T>;
}

/** A sink whose every call goes through `a`; a method that the sink lacks stays lacking. */
export function around(sink: Sink, a: Around): Sink {
  const decorated: Changeable = {
    capabilities: sink.capabilities,
    check: (signal) => a.call("check", 0, (s) => sink.check(s), signal),
    claim: (identity, signal) => a.call("claim", 0, (s) => sink.claim(identity, s), signal),
    identity: (signal) => a.call("identity", 0, (s) => sink.identity(s), signal),
    publish: (batch, signal) =>
      a.call("publish", batch.bytes.length, (s) => sink.publish(batch, s), signal),
    describe: (manifest, signal) =>
      a.call("describe", 0, (s) => sink.describe(manifest, s), signal),
    stat: (key, evidence, signal) => a.call("stat", 0, (s) => sink.stat(key, evidence, s), signal),
    floor: (scope, offset, signal) =>
      a.call("floor", 0, (s) => sink.floor(scope, offset, s), signal),
    manifest: (key, signal) => a.call("manifest", 0, (s) => sink.manifest(key, s), signal),
    list: (scope, from, signal) => a.stream("list", listing(sink, scope, from), signal),
    scopes: (signal) =>
      a.stream(
        "scopes",
        resumed((s) => sink.scopes(s)),
        signal,
      ),
    read: (description, range, signal) =>
      a.stream("read", reading(sink, description, range), signal),
    close: () => sink.close(),
  };
  // Each is asked for only where it is there.
  const full = sink as Required<Sink>;
  if (sink.readRecords !== undefined) {
    decorated.readRecords = (key, signal) =>
      a.stream(
        "readRecords",
        resumed((s) => full.readRecords(key, s)),
        signal,
      );
  }
  if (sink.documents !== undefined) decorated.documents = aroundDocuments(sink.documents, a);
  if (sink.setAside !== undefined) {
    decorated.setAside = (key, seen, signal) =>
      a.call("setAside", 0, (s) => full.setAside(key, seen, s), signal);
  }
  if (sink.mend !== undefined) {
    decorated.mend = (batch, manifest, sure, signal) =>
      a.call("mend", batch.bytes.length, (s) => full.mend(batch, manifest, sure, s), signal);
  }
  if (sink.remove !== undefined) {
    decorated.remove = (key, seen, signal) =>
      a.call("remove", 0, (s) => full.remove(key, seen, s), signal);
  }
  if (sink.amendments !== undefined) {
    decorated.amendments = (key, signal) =>
      a.call("amendments", 0, (s) => full.amendments(key, s), signal);
  }
  if (sink.amend !== undefined) {
    decorated.amend = (key, amendment, signal) =>
      a.call("amend", 0, (s) => full.amend(key, amendment, s), signal);
  }
  if (sink.rewrap !== undefined) {
    decorated.rewrap = (key, make, signal) =>
      a.call("rewrap", 0, (s) => full.rewrap(key, make, s), signal);
  }
  if (sink.expire !== undefined) {
    decorated.expire = (key, seen, signal) =>
      a.call("expire", 0, (s) => full.expire(key, seen, s), signal);
  }
  return decorated;
}

type Changeable = { -readonly [K in keyof Sink]: Sink[K] };

const aroundDocuments = (documents: Documents, a: Around): Documents => ({
  create: (path, bytes, signal) =>
    a.call("documents", bytes.length, (s) => documents.create(path, bytes, s), signal),
  read: (path, signal) => a.call("documents", 0, (s) => documents.read(path, s), signal),
  list: (folder, signal) =>
    a.stream(
      "documents",
      resumed((s) => documents.list(folder, s)),
      signal,
    ),
});

type Open<T> = (signal: AbortSignal) => AsyncIterable<T>;

/** Continues a listing at the last start, past the entries of it that were yielded. */
function listing(sink: Sink, scope: Scope, from: bigint): Open<Listed> {
  let at = from;
  let yielded = 0;
  return async function* (signal) {
    let skip = yielded;
    for await (const listed of sink.list(scope, at, signal)) {
      if (listed.start === at && skip > 0) {
        skip -= 1;
        continue;
      }
      yielded = listed.start === at ? yielded + 1 : 1;
      at = listed.start;
      yield listed;
    }
  };
}

/** Continues a file at the first byte that was not yielded. */
function reading(sink: Sink, description: Description, range: ByteRange): Open<Uint8Array> {
  const to = range.to ?? description.seal.size;
  let at = range.from;
  return async function* (signal) {
    if (at >= to && at > range.from) return;
    for await (const piece of sink.read(description, { from: at, to }, signal)) {
      at += piece.length;
      yield piece;
    }
  };
}

/** Continues an order that does not change by counting. */
function resumed<T>(open: Open<T>): Open<T> {
  let yielded = 0;
  return async function* (signal) {
    let skip = yielded;
    for await (const item of open(signal)) {
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      yielded += 1;
      yield item;
    }
  };
}
