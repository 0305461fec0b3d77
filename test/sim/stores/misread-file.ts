import type { ViewPorts } from "./store-view.ts";

/**
 * Flips a bit of what was read, another one each time. Where it is in a manifest, it is some of the time in a digit that no
 * link and no digest covers, so that it still is a manifest.
 */
export function misreadFile(
  { store, trouble, unit }: Pick<ViewPorts, "store" | "trouble" | "unit">,
  kind: string,
  path: string,
  piece: Uint8Array,
): void {
  const { misreads } = trouble();
  if (misreads === 0 || (kind !== "data" && kind !== "manifests")) return;
  const share = unit() / misreads;
  if (share >= 1) return;
  const digits = kind === "manifests" ? loneDigits(piece) : [];
  const turn = store.misread(path);
  const lone = digits[(turn >> 1) % digits.length];
  const at = turn % 2 === 0 || lone === undefined ? Math.floor(share * piece.length) : lone;
  piece[at] = (piece[at] ?? 0) ^ 1;
}

const loneDigits = (piece: Uint8Array): number[] => {
  const text = Buffer.from(piece).toString("latin1");
  return [...text.matchAll(/"(?:leaderEpoch|minTimestamp|maxTimestamp)":(\d+)/g)].flatMap((m) => {
    const [all, { length } = ""] = m;
    return Array.from({ length }, (_, i) => m.index + all.length - 1 - i);
  });
};
