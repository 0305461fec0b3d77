import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { deadExports, type Import, importsOf, withoutComments } from "./tidy/source.ts";

/** The house rules that a machine can check, on every tracked file. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" })
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)));
const texts = new Map<string, string>();
const textOf = (path: string): string => {
  const known = texts.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(join(ROOT, path), "utf8");
  texts.set(path, text);
  return text;
};

const under = (...folders: readonly string[]): string[] =>
  tracked.filter((p) => /\.(ts|mjs)$/.test(p) && folders.some((f) => p.startsWith(`${f}/`)));
const product = under("src", "sinks");
const everything = under("src", "sinks", "test", "deploy");
const imports: readonly Import[] = everything.flatMap((path) => importsOf(path, textOf(path)));

/** `src/kafka/fetcher.ts` is in `kafka`, `src/daemon.ts` in `daemon`, `sinks/fs/…` in `sinks/fs`. */
function area(path: string): string {
  const [top, second = ""] = path.split("/");
  if (top !== "src")
    return top === "sinks" && path.split("/").length > 2 ? `sinks/${second}` : (top ?? "");
  if (KAFKA_DRIVER.test(path)) return "kafka-driver";
  if (path === SDK_ENTRY) return "sdk-entry";
  return second.replace(/\.ts$/, "");
}

/** Connections, requests and errors: what a driver from npm would be; a sink may import it as one. */
const KAFKA_DRIVER = /^src\/kafka\/(?:client\/|requests\/|target\/|wire\.ts$|kafka-error\.ts$)/;

/** What packages outside the tree import as `bulk-archiver/sdk`, the layout of blob stores included. */
const SDK_ENTRY = "src/sdk/index.ts";

const BELOW_STAGES = ["core", "record-batch", "sdk"];
const STAGES = ["kafka", "kafka-driver", "batch", "seal", "deliver"];
const BELOW_DAEMON = [...BELOW_STAGES, ...STAGES, "pipeline", "observe", "config"];

/** Which areas an area may import, besides itself. Data flows in this order, imports point back. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  "record-batch": ["core"],
  sdk: ["core", "record-batch"],
  "sdk-entry": ["core", "sdk", "sinks/blob"],
  "kafka-driver": BELOW_STAGES,
  kafka: [...BELOW_STAGES, "kafka-driver"],
  batch: BELOW_STAGES,
  seal: BELOW_STAGES,
  deliver: BELOW_STAGES,
  pipeline: [...BELOW_STAGES, ...STAGES],
  observe: ["core"],
  config: ["core", "sdk"],
  daemon: BELOW_DAEMON,
  operate: [...BELOW_DAEMON, "daemon", "sinks", "package.json"],
  reference: ["core", "config", "observe", "operate", "sinks"],
  main: ["operate"],
  sinks: [
    "sdk",
    "sinks/cassandra",
    "sinks/elasticsearch",
    "sinks/fs",
    "sinks/hdfs",
    "sinks/kafka",
    "sinks/s3",
  ],
  "sinks/blob": ["core", "sdk"],
  "sinks/cassandra": ["core", "sdk"],
  "sinks/elasticsearch": ["core", "record-batch", "sdk"],
  "sinks/fs": ["core", "sdk", "sinks/blob"],
  "sinks/hdfs": ["core", "sdk", "sinks/blob"],
  "sinks/kafka": ["core", "record-batch", "sdk", "kafka-driver"],
  "sinks/s3": ["core", "sdk", "sinks/blob"],
};

/** Types alone that cross a border: what kafkajs is given is what the configuration makes. */
const TYPES_MAY_CROSS = new Set(["src/config/kafka-options.ts -> src/kafka/client/options.ts"]);

/** npm packages that a sink may import: its own driver, and what its schema is made with. */
const SINK_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  sinks: [],
  "sinks/blob": [],
  "sinks/cassandra": ["zod", "cassandra-driver"],
  "sinks/elasticsearch": ["zod", "@elastic/elasticsearch"],
  "sinks/fs": ["zod"],
  "sinks/hdfs": ["zod", "@node-rs/crc32"],
  "sinks/kafka": ["zod"],
  "sinks/s3": ["zod", "@aws-sdk/client-s3", "@smithy/node-http-handler"],
};

/** Exports that nothing takes yet, each with what will take it. */
const KEPT: readonly string[] = [];

const arrow = (i: Import): string => `${i.from} -> ${i.to}`;
const ours = (i: Import): boolean => product.includes(i.from) && i.local;

describe("imports", () => {
  test("there are many, so they were found", () => {
    expect(imports.filter(ours).length).toBeGreaterThan(400);
    expect(product.map(area).filter((a) => MAY_IMPORT[a] === undefined)).toEqual([]);
  });

  test("go one way", () => {
    const wrong = imports.filter((i) => {
      const [from, to] = [area(i.from), area(i.to)];
      if (!ours(i) || from === to || MAY_IMPORT[from]?.includes(to) === true) return false;
      return !(i.typesOnly && TYPES_MAY_CROSS.has(arrow(i)));
    });
    expect(wrong.map(arrow)).toEqual([]);
  });

  test("the pipeline knows the stages by their types, what they do is handed to it", () => {
    const wrong = imports.filter(
      (i) => ours(i) && area(i.from) === "pipeline" && STAGES.includes(area(i.to)) && !i.typesOnly,
    );
    expect(wrong.map(arrow)).toEqual([]);
  });

  test("of kafkajs internals are in one file", () => {
    const inside = everything.filter((p) => /["']kafkajs\/src\//.test(textOf(p)));
    expect(inside).toEqual(["src/kafka/client/internals.ts"]);
  });

  test("of a sink are the contract and its driver", () => {
    const wrong = imports.filter((i) => {
      const allowed = SINK_PACKAGES[area(i.from)];
      if (allowed === undefined || i.local || i.to.startsWith("node:")) return false;
      return !allowed.includes(i.to);
    });
    expect(wrong.map(arrow)).toEqual([]);
  });

  test("of a sink's driver happen when the sink is opened: it costs nothing where it is not used", () => {
    const loaded = new Set<string>();
    const todo = ["src/operate/commands.ts", "src/operate/cli.ts"];
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      for (const i of imports) {
        if (i.from !== at || i.typesOnly || i.late || loaded.has(i.to)) continue;
        loaded.add(i.to);
        if (i.local) todo.push(i.to);
      }
    }
    expect(loaded).toContain("zod");
    const drivers = /^(@aws-sdk|@smithy|@elastic|@opentelemetry|cassandra-driver)/;
    expect([...loaded].filter((name) => drivers.test(name))).toEqual([]);
  });

  test("reach what exists", () => {
    const local = imports.filter((i) => i.local);
    expect(local.filter((i) => !existsSync(join(ROOT, i.to))).map(arrow)).toEqual([]);
  });

  test("take every export of src and sinks somewhere", () => {
    const dead = deadExports(product, imports, textOf);
    expect(dead.filter((d) => !KEPT.includes(d))).toEqual([]);
    expect(KEPT.filter((k) => !dead.includes(k))).toEqual([]);
  });
});

describe("files", () => {
  const BANNED = new Set(["util", "utils", "helper", "helpers", "common", "manager", "misc"]);

  test("have at most 300 lines", () => {
    const long = everything.map((p) => ({ p, lines: textOf(p).split("\n").length - 1 }));
    expect(long.filter((f) => f.lines > 300)).toEqual([]);
  });

  test("are named in kebab-case by what they hold", () => {
    const wrong = everything.filter((path) => {
      const name = basename(path).replace(/(\.test)?\.(ts|mjs)$/, "");
      const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
      return !kebab || path.split(/[/.-]/).some((word) => BANNED.has(word));
    });
    expect(wrong).toEqual([]);
  });

  test("of src and sinks have named exports only", () => {
    expect(product.filter((p) => /^export default\b/m.test(textOf(p)))).toEqual([]);
  });

  test("swallow no errors", () => {
    const wrong = everything.filter((path) => {
      const text = withoutComments(textOf(path));
      return (
        /\bcatch\s*(\([^)]*\))?\s*\{\s*\}/.test(text) ||
        /\.catch\(\s*\(?\w*\)?\s*=>\s*(\{\s*\}|undefined|null|void 0)\s*\)/.test(text)
      );
    });
    expect(wrong).toEqual([]);
  });

  test("end the process in main only, and in the writer that the conformance kit starts", () => {
    const ends = under("src").filter((p) => /\bprocess\.exit\(/.test(withoutComments(textOf(p))));
    const may = ["src/main.ts", "src/sdk/conformance-writer.ts"];
    expect(ends.filter((p) => !may.includes(p))).toEqual([]);
  });

  test("of tests skip and focus nothing", () => {
    const wrong = under("test").filter((path) => {
      const text = withoutComments(textOf(path));
      return (
        /\b(it|test|describe|suite)(\.\w+)*\.(skip|only|todo|fails|skipIf|runIf)\b/.test(text) ||
        /^\s*(xit|xtest|xdescribe|fit|fdescribe)\(/m.test(text)
      );
    });
    expect(wrong).toEqual([]);
  });

  test("name no machine's folders and no registry", () => {
    const machine = /(^|[\s"'`(=:])\/(work|home|root|Users)\/[\w.-]/m;
    const registry =
      /registry\.npmjs\.org|repo\d?\.maven\.(org|apache\.org)|artifactory|\bnexus\.|localhost:4873/i;
    const texty = tracked.filter((p) =>
      /\.(ts|mjs|json|md|ya?ml|xml|sh|py|java)$|^\.|^\.ci\//.test(p),
    );
    const wrong = texty.filter((path) => {
      if (path === "package-lock.json" || path === "test/tidy.test.ts") return false;
      return machine.test(textOf(path)) || registry.test(textOf(path));
    });
    expect(wrong).toEqual([]);
  });
});

describe("pages", () => {
  const pages = tracked.filter((p) => p.endsWith(".md"));
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
  const anchors = (path: string): string[] =>
    [...textOf(path).matchAll(/^#+ +(.+)$/gm)].map((m) => slug(m[1] ?? ""));

  test("link to what is there", () => {
    const dead: string[] = [];
    for (const page of pages) {
      const prose = textOf(page).replace(/^```[\s\S]*?^```$/gm, "");
      for (const [, link = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link)) continue;
        const [file = "", anchor] = link.split("#");
        const path = file === "" ? page : normalize(join(dirname(page), file));
        const there = existsSync(join(ROOT, path));
        const heading =
          anchor === undefined || !there || statSync(join(ROOT, path)).isDirectory()
            ? true
            : anchors(path).includes(anchor);
        if (!there || !heading) dead.push(`${page}: ${link}`);
      }
    }
    expect(dead).toEqual([]);
  });
});
