import { everyWait } from "./product.ts";
import type { Walked } from "./walk.ts";

/** One scenario, in lines. */
export function show({ name, passed, died, killed, runs, wrong, seconds }: Walked): string {
  const deaths = [...died.values()].reduce((a, b) => a + b, 0);
  const verdict = wrong.length === 0 ? "ok    " : "FAILED";
  return [
    `${verdict} ${name}: ${passed.size} waits, died at ${died.size}, ${deaths} deaths ` +
      `(${killed} by SIGKILL), ${runs} runs, ${seconds.toFixed(0)} s`,
    ...wrong.map((text) => `       wrong: ${text}`),
  ].join("\n");
}

/** Per file: waits, how many were come to, and died at. */
export function summary(walked: readonly Walked[]): string {
  const passed = new Set(walked.flatMap((w) => [...w.passed]));
  const died = new Set(walked.flatMap((w) => [...w.died.keys()]));
  const files = new Map<string, string[]>();
  for (const place of everyWait().keys()) {
    const file = place.slice(0, place.lastIndexOf(":"));
    files.set(file, [...(files.get(file) ?? []), place]);
  }
  const count = (places: readonly string[], of: ReadonlySet<string>): number =>
    places.filter((p) => of.has(p)).length;
  const rows = [...files]
    .filter(([, places]) => count(places, passed) > 0)
    .map(
      ([file, places]) =>
        `${String(places.length).padStart(5)} ${String(count(places, passed)).padStart(6)} ` +
        `${String(count(places, died)).padStart(7)}  ${file}`,
    );
  const all = [...files.values()].flat();
  return [
    "waits passed died at",
    ...rows,
    `${all.length} waits in the product: ${count(all, passed)} passed, ${count(all, died)} died at`,
  ].join("\n");
}
