import type { BlobHead, BlobStore, NewBlob } from "../../../src/sdk/blob-store.ts";
import { SinkError } from "../../../src/sdk/sink-error.ts";
import type { Network, Weather } from "../core/network.ts";
import { never, type SimProcess } from "../core/process.ts";
import { misreadFile } from "./misread-file.ts";
import type { SimStore } from "./store.ts";

const TIMEOUT_MS = 8_000;
const LIST_PAGE = 8;

/** What is wrong with a store for everybody, as it is now. */
export interface StoreTrouble {
  readonly refusesUser: boolean;
  /** Share of creates that did their work and answer that the name existed. */
  readonly forgets: number;
  /** Share of reads that come with a flipped bit. */
  readonly garbles: number;
  /** Share of reads of files and manifests that come with a bit flipped somewhere, another one each time. */
  readonly misreads: number;
  readonly throttled: boolean;
}

export interface ViewPorts {
  readonly process: SimProcess;
  readonly network: Network;
  readonly store: SimStore;
  readonly weather: () => Weather;
  readonly trouble: () => StoreTrouble;
  /** A number in [0, 1). */
  readonly unit: () => number;
  readonly now: () => number;
  /** Told when a process begins to set something aside, or to replace it. */
  readonly onChange?: (path: string, by: "move" | "replace") => void;
}

type Listed = BlobHead & { path: string };

/** A request of one process to a store, with all that may come in between. */
export function asking(p: ViewPorts): Ask {
  const { store, process } = p;
  return <T>(verb: string, effect: () => T, signal: AbortSignal): Promise<T> => {
    const noAnswer = (sent: boolean): SinkError =>
      new SinkError("sink-transient", `${store.name} ${verb}: ${sent ? "no answer" : "refused"}`);
    const { restored } = store;
    const sentAt = p.now();
    const effect_ = (): T | Promise<T> => {
      // Whoever restores a store sees to it that nothing from before reaches it.
      if (store.restored !== restored) return never();
      store.sentAt = sentAt;
      return guarded(p, verb, effect);
    };
    const call = {
      name: `${store.name} ${verb}`,
      weather: p.weather(),
      effect: effect_,
      ...{ timeoutMs: TIMEOUT_MS, noAnswer, signal },
    };
    return p.network.call(process, call);
  };
}

/** A store as one process reaches it: every verb is one or a few requests. */
export function storeView(p: ViewPorts): BlobStore {
  const { store } = p;
  const ask = asking(p);
  const list = (folder: string): Listed[] =>
    store.paths(folder).map((path) => ({ path, ...headOf(store, path) }) as Listed);
  const view: BlobStore = {
    create: (path, blob, signal) => create(p, ask, path, blob, signal),
    head: (path, signal) => ask(`head ${kindOf(path)}`, () => headOf(store, path), signal),
    get: (path, from, to, signal) => read(p, ask, path, [from, to], signal),
    about: async (path, digest, signal) => {
      if (store.style.about === "metadata")
        return ask("about", () => store.objects.get(path)?.about ?? undefined, signal);
      const key = `${path} ${await digest()}`;
      return ask("about", () => store.sides.get(key)?.about, signal);
    },
    list: async function* (folder, after, signal) {
      const page = (from: string | undefined): Listed[] =>
        list(folder)
          .filter((b) => from === undefined || b.path > from)
          .slice(0, LIST_PAGE);
      for (let from = after; ;) {
        const start = from;
        const found = await ask("list", () => page(start), signal);
        yield* found;
        from = found.at(-1)?.path;
        if (found.length < LIST_PAGE) return;
      }
    },
    folders: async function* (folder, signal) {
      yield* await ask("folders", () => foldersOf(store, folder), signal);
    },
    close: () => Promise.resolve(),
  };
  return { ...view, ...extras(p, ask, list), ...removing(p, ask) };
}

export type Ask = <T>(verb: string, effect: () => T, signal: AbortSignal) => Promise<T>;

/** The verbs that only some stores have. */
function extras(p: ViewPorts, ask: Ask, list: (folder: string) => Listed[]): Partial<BlobStore> {
  const { store, process } = p;
  const { style } = store;
  const own: Partial<BlobStore> = {};
  if (style.startingWith) {
    own.startingWith = async function* (folder, prefix, signal) {
      const begins = (b: Listed): boolean => b.path.startsWith(`${folder}/${prefix}`);
      yield* await ask("names", () => list(folder).filter(begins), signal);
    };
  }
  if (style.greatest) {
    own.greatest = (folder, upTo, accepts, signal) => {
      const fits = (path: string): boolean =>
        path <= upTo && accepts(path.slice(folder.length + 1));
      return ask("greatest", () => store.paths(folder).filter(fits).at(-1), signal);
    };
  }
  if (style.hashes) {
    own.holds = (path, bytes, signal) =>
      ask("holds", () => equal(store.objects.get(path)?.bytes, bytes), signal);
  }
  if (style.about === "side") {
    own.forget = (path, digest) => {
      process.after(50, () => store.sides.delete(`${path} ${digest}`));
    };
    own.sweep = async (ageMs, disposable, signal) => {
      const old = await ask(
        "sweep",
        () => [...store.sides].filter(([, s]) => p.now() - s.at > ageMs),
        signal,
      );
      for (const [key, { about }] of old) {
        if (await disposable(about)) await ask("unlink", () => store.sides.delete(key), signal);
      }
      return old.length;
    };
  }
  return own;
}

/** What operators' commands need: by a rename, or by a copy and then a delete. */
function removing(
  p: ViewPorts,
  ask: Ask,
): Pick<Required<BlobStore>, "move" | "remove"> & Pick<BlobStore, "replace"> {
  const { store } = p;
  const unseen = (path: string): SinkError =>
    new SinkError("sink-permanent", `${store.name}: ${path} is no longer what was seen`);
  const seen = async (path: string, tag: string, signal: AbortSignal): Promise<void> => {
    const found = await ask(`head ${kindOf(path)}`, () => headOf(store, path), signal);
    if (found?.tag !== tag) throw unseen(path);
  };
  const copied_ = (from: string, to: string): boolean => {
    const there = store.objects.get(from);
    if (there === undefined) throw unseen(from);
    if (store.create(to, there.bytes, there.about) === "created") return true;
    return equal(store.objects.get(to)?.bytes, there.bytes);
  };
  const drop = async (path: string, to: string | null, tag: string, signal: AbortSignal) => {
    const verb = `${to === null ? "remove" : "move"} ${kindOf(path)}`;
    if (store.style.removes === "any") await seen(path, tag, signal);
    if (!(await ask(verb, () => store.remove(path, tag, to), signal))) throw unseen(path);
  };
  return {
    move: async (from, to, tag, signal) => {
      p.onChange?.(from, "move");
      if (store.style.about === "side") return drop(from, to, tag, signal);
      await seen(from, tag, signal);
      if (!(await ask(`copy ${kindOf(from)}`, () => copied_(from, to), signal)))
        throw new SinkError("sink-permanent", `${store.name}: ${to} is there already`);
      await drop(from, null, tag, signal);
    },
    remove: async (path, tag, signal) => {
      await seen(path, tag, signal);
      await drop(path, null, tag, signal);
    },
    ...(store.style.removes === "any" ? { replace: replacing(p, ask, unseen) } : {}),
  };
}

/** On condition that it still is what was seen. */
const replacing =
  ({ store, onChange }: ViewPorts, ask: Ask, unseen: (path: string) => SinkError) =>
  async (path: string, bytes: Uint8Array, tag: string, signal: AbortSignal): Promise<void> => {
    onChange?.(path, "replace");
    let failure: unknown;
    try {
      const put = (): boolean => store.replace(path, bytes, tag);
      if (await ask(`replace ${kindOf(path)}`, put, signal)) return;
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error;
    }
    const there = await ask(`holds`, () => store.objects.get(path), signal);
    if (equal(there?.bytes, bytes)) return;
    throw there?.tag === tag && failure !== undefined ? failure : unseen(path);
  };

async function create(
  p: ViewPorts,
  ask: Ask,
  path: string,
  blob: NewBlob,
  signal: AbortSignal,
): Promise<"created" | "exists"> {
  const { store } = p;
  const { style } = store;
  const { about = null, bytes } = blob;
  const kind = kindOf(path);
  let described = true;
  if (about !== null && style.about === "side") {
    const side = (): boolean => store.putSide(path, blob.digest, about, p.now());
    described = await ask(`describe ${kind}`, side, signal);
  }
  const kept = style.about === "metadata" ? about : null;
  const put = (): "created" | "exists" => {
    if (style.createOnly === "atomic") return store.create(path, bytes, kept);
    store.put(path, bytes, kept);
    return "created";
  };
  if (style.createOnly !== "atomic") {
    const there = await ask(`head ${kind}`, () => headOf(store, path), signal);
    if (there !== undefined) return "exists";
  }
  let outcome: "created" | "exists";
  try {
    outcome = await ask(`create ${kind}`, put, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    // The outcome is not known: what is there now is looked at, and compared by who asked.
    const there = await ask(`head ${kind}`, () => headOf(store, path), signal);
    if (there === undefined) throw error;
    outcome = "exists";
  }
  if (outcome === "created" && p.unit() < p.trouble().forgets) outcome = "exists";
  return described ? outcome : "exists";
}

async function* read(
  p: ViewPorts,
  ask: Ask,
  path: string,
  [from, to]: readonly [number, number],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { store } = p;
  const middle = from + Math.ceil((to - from) / 2);
  for (const [a, b] of [
    [from, middle],
    [middle, to],
  ] as const) {
    if (a === b) continue;
    const piece = await ask(
      `get ${kindOf(path)}`,
      () => copied(store.objects.get(path)?.bytes, a, b),
      signal,
    );
    if (piece === undefined || piece.length < b - a) {
      throw new SinkError("sink-transient", `${store.name}: ${path} is absent or ends early`);
    }
    if (p.unit() < p.trouble().garbles) piece[0] = (piece[0] ?? 0) ^ 4;
    misreadFile(p, kindOf(path), path, piece);
    yield piece;
  }
}

function guarded<T>(p: ViewPorts, verb: string, effect: () => T): T {
  const { refusesUser, throttled } = p.trouble();
  if (refusesUser) throw new SinkError("sink-unauthorized", `${p.store.name} ${verb}: 403`);
  if (throttled) throw new SinkError("sink-transient", `${p.store.name} ${verb}: 503`);
  return effect();
}

function headOf(store: SimStore, path: string): BlobHead | undefined {
  const found = store.objects.get(path);
  return found === undefined ? undefined : { size: found.bytes.length, tag: found.tag };
}

function foldersOf(store: SimStore, folder: string): string[] {
  const prefix = `${folder}/`;
  const names = store
    .paths(folder)
    .map((p) => p.slice(prefix.length))
    .filter((rest) => rest.includes("/"))
    .map((rest) => rest.slice(0, rest.indexOf("/")));
  return [...new Set(names)];
}

const copied = (bytes: Uint8Array | undefined, from: number, to: number): Uint8Array | undefined =>
  bytes === undefined ? undefined : Uint8Array.from(bytes.subarray(from, to));

const equal = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0;

/** Which step of the protocol a name belongs to. */
const kindOf = (path: string): string =>
  path.includes("/") ? path.slice(0, path.indexOf("/")) : "identity";
