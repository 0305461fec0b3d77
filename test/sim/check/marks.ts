/** `<sink>@<offset>` among the words of a commit's metadata. */
export function marksIn(metadata: string): ReadonlyMap<string, number> {
  const words = metadata.split(" ").flatMap((w): [string, number][] => {
    const m = /^([A-Za-z][\w.-]*)@(\d+)$/.exec(w);
    return m === null ? [] : [[m[1] ?? "", Number(m[2])]];
  });
  return new Map(words);
}
