import type { KeptRecord } from "./record-text.ts";
import type { ViewPorts } from "./store-view.ts";

type Reading = Pick<ViewPorts, "trouble" | "unit">;

/** What comes of a read while a store of records reads wrong: now and then with a bit flipped somewhere. */
export function misread(p: Reading, bytes: Uint8Array): Uint8Array {
  if (!isWrong(p) || bytes.length === 0) return bytes;
  const wrong = Uint8Array.from(bytes);
  const bit = Math.floor(p.unit() * wrong.length * 8);
  wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return wrong;
}

/** Of one of them the value, or its offset where it has none. */
export function misreadRecords(p: Reading, records: readonly KeptRecord[]): readonly KeptRecord[] {
  if (!isWrong(p) || records.length === 0) return records;
  const chosen = Math.floor(p.unit() * records.length);
  return records.map((r, i) => {
    if (i !== chosen) return r;
    if (r.value === null || r.value === "") return { ...r, offset: r.offset ^ 1 };
    const value = misread({ ...p, trouble: always }, Buffer.from(r.value, "base64"));
    return { ...r, value: Buffer.from(value).toString("base64") };
  });
}

function isWrong({ trouble, unit }: Reading): boolean {
  const { garbles, misreads } = trouble();
  const share = Math.max(garbles, misreads);
  return share > 0 && unit() < share;
}

const always = (): ReturnType<Reading["trouble"]> => ({
  ...{ refusesUser: false, forgets: 0, garbles: 1, misreads: 0, throttled: false },
});
