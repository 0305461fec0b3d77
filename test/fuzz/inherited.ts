/** What every object inherits from: an input that changes it reaches everything else. */
const WATCHED: readonly object[] = [
  ...[Object, Array, Function, String, Number, Boolean, Map, Set, Promise, Buffer, Error].map(
    (c): object => c.prototype as object,
  ),
  Object,
];

const before = new Map(WATCHED.map((o) => [o, new Set(Reflect.ownKeys(o))]));
const sizes = WATCHED.map((o) => before.get(o)?.size ?? 0);

/** As `polluted`, for what shows in every object; cheap enough for every input. */
export function shows(): boolean {
  for (const _ in {}) return true;
  return false;
}

/** Names what an input has added to a prototype, and takes it away again; else undefined. */
export function polluted(): string | undefined {
  let found: string | undefined;
  for (const [i, object] of WATCHED.entries()) {
    const keys = Reflect.ownKeys(object);
    if (keys.length === sizes[i]) continue;
    for (const key of keys.filter((k) => before.get(object)?.has(k) !== true)) {
      found = `a prototype has a new property: ${String(key)}`;
      Reflect.deleteProperty(object, key);
    }
  }
  return found;
}
