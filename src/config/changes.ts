import { isDeepStrictEqual } from "node:util";
import { Secret } from "../core/secret.ts";
import type { Config, PipelineConfig, SinkConfig } from "./config.ts";

/** What another configuration would change; names of keys, with pipelines and sinks by their names. */
export interface Changes {
  /** Can be taken while the daemon runs. */
  readonly live: readonly string[];
  /** With why not. */
  readonly refused: readonly { readonly key: string; readonly why: string }[];
  /** Names of pipelines whose topics change. */
  readonly topics: readonly string[];
  /** Names of sinks that have to be opened anew. */
  readonly sinks: readonly string[];
}

/** Keys of a sink that say who asks, never where it writes. */
const CREDENTIAL =
  /^(accessKeyId|secretAccessKey|sessionToken|username|user|password|passphrase|apiKey|token|delegationToken|clientId|clientSecret)$/;

const DEPTH = 16;

type Path = readonly string[];

/** Everything that differs between what runs and what the file says now. */
export function changesOf(before: Config, after: Config): Changes {
  const found = differences(comparable(before), comparable(after), []);
  const named = (at: Path): string => at.join(".");
  const judged = found.map((at) => ({ key: named(at), at, why: refusal(at) }));
  const of = (first: string, second?: string): string[] => {
    const names = found.filter(
      (at) => at[0] === first && (second === undefined || at[2] === second),
    );
    return [...new Set(names.map((at) => at[1] ?? ""))];
  };
  return {
    live: judged.filter(({ why }) => why === null).map(({ key }) => key),
    refused: judged.flatMap(({ key, why }) => (why === null ? [] : [{ key, why }])),
    topics: of("pipelines", "topics"),
    sinks: of("sinks"),
  };
}

const RESTART = "needs a restart; with kafka.instanceId that moves no partition";

/** Null: can be taken while it runs. */
function refusal(at: Path): string | null {
  const [first, name, key] = at;
  if (first === "log" || first === "drainTimeout") return null;
  if (first === "pipelines") {
    if (name === undefined || key === undefined)
      return `as a pipeline that comes or goes ${RESTART}`;
    if (key === "topics") return null;
    if (key === "group") return `makes it a member of another group and ${RESTART}`;
    if (key === "sinks") return `decides who the primary is and ${RESTART}`;
    return RESTART;
  }
  if (first === "sinks") {
    if (key === undefined) return `as a sink that comes or goes ${RESTART}`;
    if (key === "limits" || CREDENTIAL.test(at.at(-1) ?? "")) return null;
    return `decides where and how a sink writes and ${RESTART}`;
  }
  return RESTART;
}

/** Things by name instead of by place, and nothing that is read again by itself. */
function comparable(c: Config): object {
  const { kafka, http, telemetry, memoryBytes, drainTimeoutMs, log } = c;
  const ssl = kafka.ssl === null || kafka.ssl === true ? kafka.ssl : kafka.ssl.files;
  return {
    kafka: { ...kafka, ssl },
    memory: memoryBytes,
    http,
    telemetry,
    log,
    drainTimeout: drainTimeoutMs,
    sinks: byName(c.sinks, ({ name: _n, plugin: _p, config, ...rest }: SinkConfig) => ({
      ...rest,
      ...(plain(config) ? config : { config }),
    })),
    pipelines: byName(c.pipelines, ({ name: _n, sinks, ...rest }: PipelineConfig) => ({
      ...rest,
      sinks: sinks.map((s) => s.name),
    })),
  };
}

const byName = <T extends { readonly name: string }>(
  list: readonly T[],
  view: (item: T) => object,
): object => Object.fromEntries(list.map((item) => [item.name, view(item)]));

const plain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

function differences(a: unknown, b: unknown, at: Path): Path[] {
  if (plain(a) && plain(b) && at.length < DEPTH) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    const value = (of: object, key: string): unknown => (of as Record<string, unknown>)[key];
    return [...keys].flatMap((key) => differences(value(a, key), value(b, key), [...at, key]));
  }
  return isDeepStrictEqual(shown(a), shown(b)) ? [] : [at];
}

/** A secret looks like every other one from outside. */
function shown(value: unknown): unknown {
  if (value instanceof Secret) return { secret: value.reveal() };
  return typeof value === "function" ? "asked each time" : value;
}
