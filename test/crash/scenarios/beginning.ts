import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { configDir } from "../../config/load.ts";
import { drop, newSink, SampleChain, SCOPE } from "../../operate/sample-archive.ts";
import { sharedKafka } from "../../kafka/live-kafka.ts";
import { writeConfig } from "../../faults/daemon.ts";
import { runCommand } from "../run-command.ts";
import type { Scenario } from "../scenario.ts";

/** What half a file is not. */
const WHOLE: Readonly<Record<string, RegExp>> = {
  identity: /^# public key: age1[^\n]+\nAGE-SECRET-KEY-1[^\n]+\n$/,
  seed: /^[0-9a-f]{64}\n$/,
  signing: /^-----BEGIN PRIVATE KEY-----[^]+-----END PRIVATE KEY-----\n$/,
  "bulk-archiver.yaml": /^# [^]+\nsinks:\n[^]+\n$/,
  "signing.pub": /^-----BEGIN PUBLIC KEY-----[^]+-----END PUBLIC KEY-----\n$/,
};

interface Beginning {
  readonly name: string;
  readonly argv: (dir: string) => readonly string[];
  readonly makes: readonly string[];
}

/** A command that never overwrites: what it has made it refuses, all of it, and what it had made half it finishes. */
const beginning = ({ name, argv, makes }: Beginning): Scenario => ({
  name,
  open: () => {
    const home = configDir();
    let times = 0;
    const dir = (): string => join(home, String(times));
    const there = (): readonly string[] => readdirSync(dir()).sort();
    return Promise.resolve({
      argv: () => argv(dir()),
      reset: () => {
        times += 1;
        mkdirSync(dir());
        return Promise.resolve();
      },
      run: (life) => runCommand(life, argv(dir())),
      // Who is refused makes nothing: what is there then was there before.
      ended: (ran) => {
        const refused = ran.code === 2 && /is there already/.test(ran.stderr);
        return refused && makes.every((file) => there().includes(file)) ? { ...ran, code: 0 } : ran;
      },
      judge: () => {
        const found = there();
        const halves = found.filter((file) => {
          const text = readFileSync(join(dir(), file), "utf8");
          return WHOLE[file]?.test(text) !== true;
        });
        const lacks = makes.filter((file) => !found.includes(file));
        return Promise.resolve([
          ...lacks.map((file) => `${file} was not made`),
          ...halves.map((file) => `${file} is no whole one`),
        ]);
      },
      close: () => Promise.resolve(rmSync(home, { recursive: true })),
    });
  },
});

/** Enough for a roll-up and some that are left. */
const BATCHES = 12;

const indexing: Scenario = {
  name: "index with filters of keys",
  open: async () => {
    const archive = await newSink("files");
    const chain = new SampleChain([archive]);
    for (let i = 0n; i < BATCHES; i += 1n)
      await chain.add({ format: "segment", encrypted: false }, 10n * i);
    const home = configDir();
    const at = { bootstrap: sharedKafka(), group: "index", topics: [SCOPE.topic], sinks: [] };
    const extra = `  - { name: files, kind: fs, path: ${archive.dir} }`;
    const config = writeConfig(home, "index.yaml", { ...at, extra });
    const argv = ["index", "--config", config, "--every", "10", "--keys"];
    const made = (): readonly string[] => {
      const place = join(archive.dir, "index");
      const found = readdirSync(place, { recursive: true, withFileTypes: true });
      const paths = found.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
      return paths.map((p) => `${p} ${readFileSync(p).toString("hex")}`).sort();
    };
    let wanted: readonly string[] | undefined;
    return {
      argv: () => argv,
      reset: () =>
        Promise.resolve(rmSync(join(archive.dir, "index"), { recursive: true, force: true })),
      run: (life) => runCommand(life, argv),
      judge: () => {
        const found = made();
        wanted ??= found;
        const same = found.join() === wanted.join();
        const few = found.length > BATCHES ? [] : [`${found.length} files`];
        return Promise.resolve([...few, ...(same ? [] : ["the index is not the same"])]);
      },
      close: async () => {
        await drop(archive);
        rmSync(home, { recursive: true });
      },
    };
  },
};

/** Commands before there is an archive, and what can be made of one again. */
export const BEGINNING: readonly Scenario[] = [
  beginning({
    name: "keygen",
    argv: (dir) => ["keygen", "--out", dir],
    makes: ["identity", "seed"],
  }),
  beginning({
    name: "keygen --signing",
    argv: (dir) => ["keygen", "--signing", "--out", dir],
    makes: ["signing", "signing.pub"],
  }),
  beginning({
    name: "init",
    argv: (dir) => ["init", "--yes", "--out", join(dir, "bulk-archiver.yaml")],
    makes: ["bulk-archiver.yaml"],
  }),
  indexing,
];
