import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { awaitPlaces } from "./await-places.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What is waited for, at `file:line`, as it is or as it is to be. */
export type Told = <T>(place: string, value: T) => T;

/**
 * From now on those files of the product that are meant are loaded with every `await` told. Lines stay where
 * they are. Once a process.
 */
export function instrument(meant: (path: string) => boolean, told: Told): void {
  Object.assign(globalThis, { __waits: { one: told, loop: looped(told) } });
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      const path = url.startsWith("file:") ? fileURLToPath(url).slice(ROOT.length) : "";
      if (!meant(path) || loaded.source === undefined || loaded.source === null) return loaded;
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
  return out + source.slice(at);
}

const looped =
  (told: Told) =>
  <T>(place: string, source: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> => ({
    [Symbol.asyncIterator]: () => {
      const items =
        Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : fromSync(source);
      return {
        next: () => told(place, items.next()),
        return: async (v?: unknown) =>
          (await items.return?.(v)) ?? { done: true, value: undefined },
      };
    },
  });

async function* fromSync<T>(source: Iterable<T>): AsyncGenerator<T> {
  yield* source;
}
