import type { Manifest } from "../../src/core/description.ts";
import {
  dataFolder,
  fanOut,
  manifestFolder,
  manifestPath,
  offsetName,
} from "../../src/core/layout.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import { topicIdText, topicName } from "../../src/core/manifest-schema.ts";
import type { Scope } from "../../src/core/scope.ts";
import type { BlobStore } from "../../src/sdk/blob-store.ts";
import type { Listed, ListedManifest } from "../../src/sdk/sink.ts";
import { readManifest } from "./look.ts";

const MANIFEST_NAME = /^(\d{20})\.json$/;
const DATA_NAME = /^(\d{20})\.(?:log|ndjson)(?:\.zst|\.gz)?(?:\.age)?$/;
const FAN_OUT_NAME = /^\d{11}$/;

/** The manifest with the greatest start ≤ offset: last folder first, so it reads few of them. */
export async function floor(
  store: BlobStore,
  scope: Scope,
  offset: bigint,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const root = manifestFolder(scope);
  const folders = (await namesOf(store, root, signal))
    .filter((name) => FAN_OUT_NAME.test(name) && name <= fanOut(offset))
    .reverse();
  const upTo = manifestPath({ ...scope, start: offset });
  for (const name of folders) {
    const start = await greatestStart(store, `${root}/${name}`, upTo, signal);
    if (start === undefined) continue;
    const stored = await readManifest(store, { ...scope, start }, signal);
    if (stored !== undefined) return parseManifest(stored);
  }
  return undefined;
}

async function greatestStart(
  store: BlobStore,
  folder: string,
  upTo: string,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  let last: string | undefined;
  if (store.greatest !== undefined) {
    last = await store.greatest(folder, upTo, (name) => MANIFEST_NAME.test(name), signal);
  } else {
    for await (const { path } of store.list(folder, undefined, signal)) {
      if (path > upTo) break;
      if (startOf(path, MANIFEST_NAME) !== undefined) last = path;
    }
  }
  return last === undefined ? undefined : startOf(last, MANIFEST_NAME);
}

/** Data and manifests side by side, ascending; what has only one of the two is an orphan. */
export async function* list(
  store: BlobStore,
  scope: Scope,
  from: bigint,
  signal: AbortSignal,
): AsyncIterable<Listed> {
  const [manifests, data] = [manifestFolder(scope), dataFolder(scope)];
  const [inManifests, inData] = [
    await namesOf(store, manifests, signal),
    await namesOf(store, data, signal),
  ];
  const folders = [...new Set([...inManifests, ...inData])]
    .filter((name) => FAN_OUT_NAME.test(name) && name >= fanOut(from))
    .sort();
  for (const name of folders) {
    const after = offsetName(from);
    yield* merged(
      starts(store, `${data}/${name}`, after, DATA_NAME, signal),
      starts(store, `${manifests}/${name}`, after, MANIFEST_NAME, signal),
    );
  }
}

interface Start extends ListedManifest {
  readonly start: bigint;
  readonly size: number;
}

async function* starts(
  store: BlobStore,
  folder: string,
  from: string,
  pattern: RegExp,
  signal: AbortSignal,
): AsyncGenerator<Start> {
  for await (const { path, size, md5 } of store.list(folder, `${folder}/${from}`, signal)) {
    const start = path.lastIndexOf("/") === folder.length ? startOf(path, pattern) : undefined;
    if (start !== undefined) yield { start, path, size, ...(md5 === undefined ? {} : { md5 }) };
  }
}

/** A second data file of one start comes as an entry of its own, without the manifest. */
async function* merged(
  data: AsyncGenerator<Start>,
  manifests: AsyncGenerator<Start>,
): AsyncIterable<Listed> {
  try {
    let [d, m] = [await data.next(), await manifests.next()];
    while (d.done !== true || m.done !== true) {
      const dataStart = d.done === true ? undefined : d.value.start;
      const manifestStart = m.done === true ? undefined : m.value.start;
      const start = least(dataStart, manifestStart);
      const listed: {
        start: bigint;
        data?: Listed["data"] & {};
        manifest?: Listed["manifest"] & {};
      } = { start };
      if (d.done !== true && dataStart === start) {
        listed.data = { path: d.value.path, size: d.value.size };
        d = await data.next();
      }
      if (m.done !== true && manifestStart === start) {
        const { start: _start, ...manifest } = m.value;
        listed.manifest = manifest;
        m = await manifests.next();
      }
      yield listed;
    }
  } finally {
    await data.return(undefined);
    await manifests.return(undefined);
  }
}

function least(a: bigint | undefined, b: bigint | undefined): bigint {
  if (a === undefined || b === undefined) return a ?? b ?? 0n;
  return a < b ? a : b;
}

/** Every scope that has data or manifests: topics and ids by their bytes, then numbers. */
export async function* scopes(store: BlobStore, signal: AbortSignal): AsyncIterable<Scope> {
  const below = async (path: string): Promise<readonly string[]> => {
    const both = [
      await namesOf(store, `manifests${path}`, signal),
      await namesOf(store, `data${path}`, signal),
    ];
    return [...new Set(both.flat())].sort();
  };
  const numbers = async (path: string): Promise<readonly number[]> =>
    (await below(path))
      .filter((name) => /^(?:0|[1-9]\d{0,9})$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  for (const topic of (await below("")).filter((t) => topicName.safeParse(t).success)) {
    const ids = await below(`/${topic}`);
    for (const topicId of ids.filter((id) => topicIdText.safeParse(id).success)) {
      for (const partition of await numbers(`/${topic}/${topicId}`)) {
        for (const branch of await numbers(`/${topic}/${topicId}/${partition}`)) {
          yield { topic, topicId, partition, branch };
        }
      }
    }
  }
}

async function namesOf(
  store: BlobStore,
  folder: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const name of store.folders(folder, signal)) names.push(name);
  return names;
}

function startOf(path: string, pattern: RegExp): bigint | undefined {
  const digits = pattern.exec(path.slice(path.lastIndexOf("/") + 1))?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}
