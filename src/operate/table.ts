/** Columns as wide as their widest cell; those named in `right` are set to the right. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  right: ReadonlySet<string> = new Set(),
): string[] {
  const widths = heads.map((head, i) =>
    Math.max(head.length, ...rows.map((row) => (row[i] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) =>
        right.has(heads[i] ?? "") ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(heads), ...rows.map(line)];
}

/** RFC 3339, UTC; a dash for records without a time. */
export function timeText(ms: bigint | null): string {
  const most = 8_640_000_000_000_000n;
  if (ms === null || ms > most || ms < -most) return "-";
  return new Date(Number(ms)).toISOString();
}
