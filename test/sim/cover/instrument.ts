import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { waits } from "../core/waits.ts";
import { awaitPlaces } from "./await-places.ts";
import { isProtocol } from "./protocol-path.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * From now on the product's files of the protocol path are loaded with every `await` told to the
 * recorder. Lines stay where they are, and what is waited for is handed on as it is.
 */
export function instrument(): void {
  Object.assign(globalThis, { __waits: told });
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      const path = url.startsWith("file:") ? fileURLToPath(url).slice(ROOT.length) : "";
      if (!isProtocol(path) || loaded.source === undefined || loaded.source === null) return loaded;
      const { source } = loaded;
      const text =
        typeof source === "string" ? source : Buffer.from(source as Uint8Array).toString();
      return { ...loaded, source: rewritten(path, text) };
    },
  });
}

function rewritten(path: string, source: string): string {
  // Pieces that are put in, by where; the innermost await last.
  const inserts: [number, string][] = [];
  for (const { line, from, to, loop } of awaitPlaces(source)) {
    if (loop) inserts.push([from, `__waits.loop("${path}:${line}", `], [to, ")"]);
    else inserts.push([from, `__waits.one("${path}:${line}", `], [to, ")"]);
  }
  inserts.sort(([a, x], [b, y]) => a - b || Number(x === ")") - Number(y === ")"));
  let out = "";
  let at = 0;
  for (const [where, text] of inserts) {
    out += source.slice(at, where) + text;
    at = where;
  }
  return `/* global __waits */${out}${source.slice(at)}`;
}

const told = {
  one: <T>(place: string, value: T): T => {
    const { owner, recorder } = waits;
    if (owner !== null) recorder?.began(owner, place, value);
    return value;
  },
  loop: <T>(place: string, source: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> => ({
    [Symbol.asyncIterator]: () => {
      const items =
        Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : fromSync(source);
      return {
        next: () => told.one(place, items.next()),
        return: async (v?: unknown) =>
          (await items.return?.(v)) ?? { done: true, value: undefined },
      };
    },
  }),
};

async function* fromSync<T>(source: Iterable<T>): AsyncGenerator<T> {
  yield* source;
}
