import type { Config, PipelineConfig, TopicSelector } from "./config.ts";
import type { ConfigDocument } from "./document.ts";
import type { Path } from "./problems.ts";
import { didYouMean } from "./suggest.ts";
import { sizeText } from "./units.ts";

/** What no single value shows: names used twice, sinks that do not exist, memory too small. */
export function crossCheck(config: Config, general: boolean, document: ConfigDocument): void {
  unique(
    config.sinks.map((s) => s.name),
    (i) => ["sinks", i, "name"],
    "sink",
    document,
  );
  memory(config, general, document);
  readableSinks(config, document);
  headPlaces(config, general, document);
  if (config.sinks.length === 1 && config.sinks[0]?.whenAway.detachMs !== null) {
    document.report(
      ["sinks", 0, "whenAway"],
      "the only sink is the primary, which is always waited for",
    );
  }
  if (!general) return;
  const { pipelines } = config;
  unique(
    pipelines.map((p) => p.name),
    (i) => ["pipelines", i, "name"],
    "pipeline",
    document,
  );
  unique(
    pipelines.map((p) => p.group),
    (i) => ["pipelines", i, "group"],
    "group",
    document,
  );
  const raw = (document.value as { pipelines: readonly { sinks: readonly string[] }[] }).pipelines;
  const names = config.sinks.map((s) => s.name);
  raw.forEach((p, i) => knownSinks(p.sinks, ["pipelines", i, "sinks"], names, document));
  sameTopicTwice(pipelines, document);
}

function unique(
  names: readonly string[],
  pathOf: (i: number) => Path,
  what: string,
  document: ConfigDocument,
): void {
  names.forEach((name, i) => {
    if (names.indexOf(name) < i)
      document.report(pathOf(i), `a second ${what} ${JSON.stringify(name)}`);
  });
}

function memory(config: Config, general: boolean, document: ConfigDocument): void {
  config.pipelines.forEach((p, i) => {
    const least = 2 * p.batch.bytes;
    if (config.memoryBytes >= least) return;
    const has = sizeText(config.memoryBytes);
    const which = general ? `pipelines[${i}].batch.bytes` : "batch.bytes";
    const text = `${has} is less than twice ${which} (${sizeText(p.batch.bytes)}): a batch is held raw and sealed; set at least ${sizeText(least)}`;
    const written = "memory" in (document.value as object);
    document.report(
      written ? ["memory"] : [...(general ? ["pipelines", i] : []), "batch", "bytes"],
      written ? text : `memory: ${text}`,
    );
  });
  const all = config.pipelines.reduce((n, p) => n + 2 * p.batch.bytes, 0);
  const largest = Math.max(...config.pipelines.map((p) => 2 * p.batch.bytes));
  if (config.memoryBytes >= all || config.memoryBytes < largest) return;
  const text = `${sizeText(config.memoryBytes)} is less than twice batch.bytes of all ${config.pipelines.length} pipelines together, and each needs its own: set at least ${sizeText(all)}`;
  document.report("memory" in (document.value as object) ? ["memory"] : ["pipelines"], text);
}

/** What is encrypted for the archive must not lie readable beside it, unless that is meant. */
function readableSinks(config: Config, document: ConfigDocument): void {
  config.sinks.forEach((sink, i) => {
    if (sink.plaintext === "allow" || sink.plugin.readable?.(sink.config) !== true) return;
    const encrypted = config.pipelines.some((p) => p.encryption !== null && p.sinks.includes(sink));
    if (!encrypted) return;
    const text = `a sink of kind ${sink.kind} stores readable records although encryption is on; if that is meant, say plaintext: allow`;
    document.report(["sinks", i, "kind"], text);
  });
}

/** A head that is not signed proves nothing, and one in a place that does not exist helps nobody. */
function headPlaces(config: Config, general: boolean, document: ConfigDocument): void {
  config.pipelines.forEach((p, i) => {
    const at: Path = [...(general ? ["pipelines", i] : []), "heads"];
    if (p.heads === null) return;
    if (p.signing === null) document.report(at, "heads are signed: `signing` has to be there too");
    const { place } = p.heads;
    const names = config.sinks.map((s) => s.name);
    if ("sink" in place && !names.includes(place.sink)) {
      const hint = didYouMean(place.sink, names) || `; there are ${names.join(", ")}`;
      document.report([...at, "sink"], `no sink is named ${JSON.stringify(place.sink)}${hint}`);
    }
    if ("topic" in place && p.topics.includes(place.topic))
      document.report([...at, "topic"], "is a topic that this pipeline archives");
  });
}

function knownSinks(
  wanted: readonly string[],
  at: Path,
  names: readonly string[],
  document: ConfigDocument,
): void {
  wanted.forEach((name, i) => {
    if (!names.includes(name)) {
      const hint = didYouMean(name, names) || `; there are ${names.join(", ")}`;
      document.report([...at, i], `no sink is named ${JSON.stringify(name)}${hint}`);
    } else if (wanted.indexOf(name) < i)
      document.report([...at, i], `sink ${JSON.stringify(name)} twice`);
  });
}

/** Two expressions are the same only when they read the same. */
function mayBeSame(a: TopicSelector, b: TopicSelector): boolean {
  if (typeof a === "string") {
    return typeof b === "string" ? a === b : new RegExp(b.regex, "u").test(a);
  }
  return typeof b === "string" ? mayBeSame(b, a) : a.regex === b.regex;
}

/** Two groups would cut one topic differently and race for the same names in the sink they share. */
function sameTopicTwice(pipelines: readonly PipelineConfig[], document: ConfigDocument): void {
  pipelines.forEach((p, i) => {
    p.topics.forEach((topic, j) => {
      const other = pipelines
        .slice(0, i)
        .find(
          (q) =>
            q.topics.some((t) => mayBeSame(t, topic)) && q.sinks.some((s) => p.sinks.includes(s)),
        );
      if (other === undefined) return;
      const text = `pipeline ${JSON.stringify(other.name)} already archives it to a sink of this one`;
      document.report(["pipelines", i, "topics", j], text);
    });
  });
}
