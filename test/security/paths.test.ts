import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fsPlugin } from "../../sinks/fs/fs-plugin.ts";
import { ArchiverError } from "../../src/core/errors.ts";
import { manifestPath } from "../../src/core/layout.ts";
import { parseManifest } from "../../src/core/manifest.ts";
import { madeBatch, madeManifest } from "../../src/sdk/conformance-batches.ts";
import type { Sink } from "../../src/sdk/sink.ts";
import { encodeManifest } from "../../src/core/manifest.ts";
import { configDir, load } from "../config/load.ts";
import { drop, newSink } from "../operate/sample-archive.ts";

/** Names from Kafka, from a manifest, from a configuration: none leads out of where it belongs. */
const dir = configDir();
const never = new AbortController().signal;
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const OUTSIDE = [
  ...["..", ".", "../x", "../../etc/cron.d/x", "/etc/passwd", "a/../../b", "a/b", "..\\b", "a\\b"],
  ...[
    "a\u0000b",
    "%2e%2e/x",
    "\u2025/x",
    "a\nb",
    "",
    " ",
    "a".repeat(250),
    "é",
    "~",
    "$(id)",
    "-rf ;",
  ],
];

const withName = (field: string, value: string): Buffer => {
  const text = encodeManifest(madeManifest(madeBatch({ partition: 0, start: 0n }).description));
  const document = JSON.parse(text) as Record<string, unknown>;
  return Buffer.from(`${JSON.stringify({ ...document, [field]: value })}\n`);
};

test.each(["topic", "topicId", "batchId", "archiveId"])(
  "a manifest whose %s leads elsewhere is refused before it is a path",
  (field) => {
    for (const name of OUTSIDE.filter(
      (n) => field.startsWith("topic") || n.length > 249 || n === "",
    )) {
      expect(() => parseManifest(withName(field, name)), name).toThrow(ArchiverError);
    }
  },
);

test("a manifest's stored file is where its key says, and nowhere else", () => {
  const { description } = madeBatch({ partition: 0, start: 0n });
  for (const path of [...OUTSIDE, "data/other/file.log", `${description.seal.path}/../x`]) {
    const seal = { ...description.seal, path };
    const text = encodeManifest(madeManifest(description));
    const document = JSON.parse(text) as Record<string, unknown>;
    const bytes = Buffer.from(`${JSON.stringify({ ...document, seal })}\n`);
    expect(() => parseManifest(bytes), path).toThrow(ArchiverError);
  }
});

/** What lies beside the archive, which nobody may touch. */
async function besides(work: (sink: Sink, root: string) => Promise<void>): Promise<string[]> {
  const root = join(dir, `root-${Math.random().toString(36).slice(2)}`);
  mkdirSync(root);
  writeFileSync(join(root, "neighbour"), "is left alone");
  const config = fsPlugin.schema.parse({ path: join(root, "archive"), fsync: false });
  const sink = await fsPlugin.open(config, { name: "files", baseDir: "/" }, never);
  try {
    await work(sink, root);
  } finally {
    await sink.close();
  }
  return readdirSync(root).sort();
}

test("a topic named like a way out writes nothing outside of a folder, not even when nobody checked it", async () => {
  const left = await besides(async (sink) => {
    for (const topic of ["..", "../../..", "/tmp/x", "a/../../../b", "\u0000"]) {
      const batch = madeBatch({ partition: 0, start: 0n });
      const description = { ...batch.description, topic };
      await expect(sink.publish({ ...batch, description }, never), topic).rejects.toThrow();
      const key = { ...description, topic };
      await sink.stat(key, "cheap", never).catch((error: unknown) => {
        expect(error, topic).toBeInstanceOf(Error);
      });
    }
  });
  expect(left.filter((name) => name !== "archive")).toEqual(["neighbour"]);
});

test("folders that somebody laid into an archive under such names are no topics", async () => {
  const archive = await newSink("files");
  try {
    for (const name of ["..x", "a b", "é", "a".repeat(250)]) {
      mkdirSync(join(archive.dir, "manifests", name, "AAAAAAAAAAAAAAAAAAAAAQ", "0", "0"), {
        recursive: true,
      });
    }
    const scopes = await Array.fromAsync(archive.sink.scopes(never));
    expect(scopes.map((s) => s.topic).filter((t) => t !== "..x")).toEqual([]);
  } finally {
    await drop(archive);
  }
});

test.each([
  "../evil",
  "/tmp/evil",
  "./evil",
  "a/b/c",
  "node:fs",
  "http://x/y.js",
  "evil\u0000",
  "..",
  "",
])("a sink of kind %j is no file of this machine", async (kind) => {
  const trap = join(dir, "evil.js");
  writeFileSync(trap, "import { writeFileSync } from 'node:fs'; writeFileSync('trapped', '');");
  const yaml = [
    "kafka: { brokers: ['127.0.0.1:9092'] }",
    "group: g\ntopics: [a]\nsinks:",
    `  - { name: files, kind: ${JSON.stringify(kind)}, path: ./x }`,
  ];
  await expect(load(yaml.join("\n"), dir)).rejects.toMatchObject({ code: "config-invalid" });
  expect(existsSync("trapped")).toBe(false);
});

test.each(OUTSIDE.filter((n) => n !== "-rf ;"))(
  "a sink or pipeline named %j is refused",
  async (name) => {
    const yaml = [
      "kafka: { brokers: ['127.0.0.1:9092'] }",
      "group: g\ntopics: [a]\nsinks:",
      `  - { name: ${JSON.stringify(name)}, kind: fs, path: ./x }`,
    ];
    await expect(load(yaml.join("\n"), dir)).rejects.toMatchObject({ code: "config-invalid" });
  },
);

test("every path that is made of a batch lies below its folder, whatever its names are", () => {
  for (const topic of ["a", "A.b_c-9", "..x", "...", "x".repeat(249)]) {
    const key = { topic, topicId: "_", partition: 0, branch: 0, start: 5n };
    const parts = manifestPath(key).split("/");
    expect(parts.slice(0, 3)).toEqual(["manifests", topic, "_"]);
    expect(parts.some((p) => p === "." || p === ".." || p === "")).toBe(false);
  }
});
