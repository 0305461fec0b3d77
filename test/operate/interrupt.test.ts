import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { configDir } from "../config/load.ts";
import { sharedKafka } from "../kafka/live-kafka.ts";
import { foreignClient, newBucket } from "../sinks/s3/server.ts";
import { ageKey, encryptionIn } from "./age-keys.ts";
import { batchesOf, contentOf } from "./archive-damage.ts";
import { cli } from "./cli-process.ts";
import { GatedStores, readsData, type Which, writes } from "./gated-stores.ts";
import { LiveArchive } from "./live-archive.ts";
import { expectRestored } from "./restored-topic.ts";

/** Ctrl-C in the middle of each long command, with a request to Ceph under way; then the same again. */
const DAY_MS = 86_400_000;
const dir = configDir();
const [a, b] = [ageKey(dir, "a"), ageKey(dir, "b")];
const identity = ["--identity", a.file];
let stores: GatedStores;
let archive: LiveArchive;

interface Case {
  readonly command: string;
  readonly argv: () => readonly string[];
  /** Gets SIGINT at the nth of these. */
  readonly at: Which;
  readonly nth: number;
  readonly before?: () => Promise<void>;
  /** When it was interrupted, and when it has come through. */
  readonly after: (done: boolean) => Promise<void>;
}

const files = (): string => archive.folder("files");

/** Two batches that are not the newest go from Ceph, by a foreign hand. */
async function loseInCeph(): Promise<void> {
  const lost = batchesOf(files()).slice(-5, -2);
  const client = foreignClient(stores.six.servers.s3);
  const Objects = lost
    .flatMap(({ data, manifest }) => [data, manifest])
    .map((path) => ({ Key: `site-a/${relative(files(), path)}` }));
  const Bucket = stores.six.bucket;
  await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  client.destroy();
}

/** What Ceph has is what the files have; in the end all of it. */
async function sameInCeph(done: boolean): Promise<void> {
  rmSync(join(dir, "copies"), { recursive: true, force: true });
  const ceph = contentOf(await stores.six.bring("ceph"));
  const wanted = contentOf(files());
  for (const [path, digest] of ceph) expect([path, digest]).toEqual([path, wanted.get(path)]);
  expect(ceph.size === wanted.size).toBe(done);
}

const proven = async (done: boolean): Promise<void> => {
  if (done) expect(await archive.verified("--identity", a.file)).toBe("ok");
};

/** Lines of all files that have their final name. */
function exported(folder: string): number {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true });
  const parts = all.filter((e) => e.isFile() && e.name.endsWith(".ndjson"));
  return parts
    .map((e) => readFileSync(join(e.parentPath, e.name), "utf8").split("\n").length - 1)
    .reduce((n, lines) => n + lines, 0);
}

const restored = (): string => `${archive.name}-restored`;
const into = (command: string, ...more: readonly string[]): readonly string[] =>
  archive.argv(command, "--topic", archive.name, ...more);

const CASES: readonly Case[] = [
  {
    command: "verify",
    argv: () => archive.argv("verify", "--deep", "--sink", "ceph", ...identity),
    ...{ at: readsData, nth: 3, after: () => Promise.resolve() },
  },
  {
    command: "export",
    argv: () => into("export", "--sink", "ceph", "--out", join(dir, "out"), ...identity),
    ...{ at: readsData, nth: 3 },
    after: async (done) => {
      const lines = exported(join(dir, "out"));
      expect(done ? lines === archive.topic.sent : lines < archive.topic.sent).toBe(true);
    },
  },
  {
    command: "restore",
    argv: () => into("restore", "--sink", "ceph", "--to-topic", restored(), ...identity),
    ...{ at: readsData, nth: 3 },
    after: async (done) => {
      const { name: topic } = archive;
      const all = { bootstrap: sharedKafka(), topic, copy: restored(), lineage: true };
      if (done) expect(await expectRestored(all)).toBe(archive.topic.sent);
    },
  },
  {
    command: "index",
    argv: () => archive.argv("index", "--sink", "ceph", "--every", "10"),
    ...{ at: writes, nth: 1, after: () => sameInCeph(true) },
  },
  {
    command: "import",
    argv: () => ["import", "--config", join(dir, "import.yaml"), "--topic", archive.name],
    ...{ at: writes, nth: 4 },
    after: async (done) => {
      if (!done) return;
      const verify = ["verify", "--deep", "--config", join(dir, "import.yaml"), ...identity];
      const { code, stdout } = await cli([...verify, "--across-sinks", "--against-kafka"]);
      expect([code, code === 0 ? "" : stdout]).toEqual([0, ""]);
    },
  },
  {
    command: "replay",
    argv: () => into("replay"),
    ...{ at: writes, nth: 2, before: loseInCeph, after: sameInCeph },
  },
  {
    command: "reconcile",
    argv: () => archive.argv("reconcile", "--source", "files", "--target", "ceph"),
    ...{ at: writes, nth: 3, before: loseInCeph, after: sameInCeph },
  },
  {
    command: "rewrap",
    argv: () => archive.argv("rewrap", ...identity, "--add", b.recipient),
    ...{ at: writes, nth: 3, after: proven },
  },
  {
    command: "prune",
    argv: () => archive.argv("prune", "--max-delete-percent", "100"),
    ...{ at: writes, nth: 2, after: proven },
  },
];

beforeAll(async () => {
  stores = await GatedStores.open(dir);
  const given = { word: "interrupt", partitions: 1, rounds: 0, dir, batchBytes: "8KiB", sinks: [] };
  const encryption = encryptionIn(dir, a.recipient);
  const extra = `${stores.entries(["files", "ceph"])}\nretention: 2d`;
  archive = await LiveArchive.begin({ ...given, ...encryption, extra });
  for (let i = 0; i < 6; i += 1) {
    await archive.topic.produce(300, Date.now() - 5 * DAY_MS);
    await archive.archived();
  }
  for (let i = 0; i < 8; i += 1) await archive.more(300);
  const other = stores.entries(["files", "ceph"], {
    files: { path: "./imported" },
    ceph: { bucket: await newBucket(stores.six.servers.s3) },
  });
  archive.written("import.yaml", { group: `${archive.name}-import`, extra: other });
}, 300_000);

afterAll(async () => {
  await archive.close();
  await stores.close();
});

for (const c of CASES) {
  test(`${c.command} ends with 130, says nothing that is not so, and goes on when repeated`, async () => {
    await c.before?.();
    const argv = c.argv();
    const { code, signal, stdout, stderr, asked } = await stores.interrupted(c.at, c.nth, [
      ...argv,
      "--json",
    ]);
    expect([asked === null, code, signal, stdout]).toEqual([false, 130, null, ""]);
    expect(stderr).toContain("interrupted");
    await c.after(false);
    const again = await cli(argv);
    expect([again.code, again.code === 0 ? "" : again.stderr + again.stdout]).toEqual([0, ""]);
    // Nobody has to wait for one that was interrupted, but for its session where a store did not answer.
    if (c.command !== "import") expect(again.stderr).not.toContain("waiting");
    await c.after(true);
  }, 240_000);
}
