import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AUDITED } from "../promises.ts";
import type { FaultCase } from "../stage.ts";

/** Files below a folder, sorted by name, so that the newest batch of a partition is the last. */
const filesOf = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name))
    .sort();

const MOUNTED = { files: "kind: fs, path: ./m1/files", copy: "kind: fs, path: ./m2/copy" };

const away = (name: string, which: "m1" | "m2"): FaultCase => ({
  name,
  shows: [...AUDITED, "waits"],
  run: async (s) => {
    for (const dir of ["m1", "m2"]) mkdirSync(s.path(dir));
    const config = s.config("c.yaml", { sinks: MOUNTED });
    s.start(config);
    s.live.begin(30, 40);
    await s.archivesSome();
    renameSync(s.path(which), s.path(`${which}.gone`));
    s.injected.push(`${which} is taken away for 8 s under production`);
    await sleep(8_000);
    await s.says(/sink does not answer as it should/);
    renameSync(s.path(`${which}.gone`), s.path(which));
    await s.live.stop();
    await s.settled();
    await s.drained();
    await s.audited(["m1/files", "m2/copy"]);
    await s.verified(config);
  },
});

const mount = (...args: string[]): number | null => spawnSync("mount", args).status;

/** What is written first, a temporary file of the daemon's own, has no room, nor has anything behind it. */
const full = (name: string, folder: "files" | "copy"): FaultCase => ({
  name,
  shows: [...AUDITED, "waits"],
  run: async (s) => {
    const dir = s.path(folder);
    mkdirSync(dir);
    const made = mount("-t", "tmpfs", "-o", "size=512k", "tmpfs", dir);
    s.expect(made === 0, "a small file system can be mounted (needs root)");
    try {
      const config = s.config("c.yaml", { compression: "{ codec: none }" });
      s.start(config);
      s.live.begin(200, 20);
      await s.says(/cannot write .*\/tmp\/.*ENOSPC/);
      s.injected.push("a file system of 512 KiB runs full, and is made larger");
      await s.live.stop();
      mount("-o", "remount,size=64m", dir);
      await s.settled();
      await s.drained();
      await s.audited();
      await s.verified(config);
    } finally {
      spawnSync("umount", [dir]);
    }
  },
});

export const SINKS: readonly FaultCase[] = [
  away("the primary's folder is away", "m1"),
  away("another sink's folder is away", "m2"),
  full("the primary's disk is full", "files"),
  full("another sink's disk is full", "copy"),
  {
    name: "a sink is read-only",
    shows: [...AUDITED, "waits"],
    run: async (s) => {
      mkdirSync(s.path("copy"));
      mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", s.path("copy"));
      try {
        const config = s.config("c.yaml");
        s.start(config);
        s.live.begin(30, 40);
        await s.archivesSome();
        mount("-o", "remount,ro", s.path("copy"));
        s.injected.push("the file system is remounted read-only for 5 s");
        await s.says(/read-only|EROFS/i);
        await sleep(5_000);
        mount("-o", "remount,rw", s.path("copy"));
        await s.live.stop();
        await s.settled();
        await s.drained();
        await s.audited();
        await s.verified(config);
      } finally {
        spawnSync("umount", [s.path("copy")]);
      }
    },
  },
  {
    name: "a sink is restored from an old copy",
    shows: AUDITED,
    run: async (s) => {
      const config = await s.archivedOnce();
      cpSync(s.path("copy"), s.path("old"), { recursive: true });
      s.start(config);
      await s.put(600);
      await s.settled();
      await s.drained();
      rmSync(s.path("copy"), { recursive: true });
      renameSync(s.path("old"), s.path("copy"));
      s.injected.push("one sink lost everything since a snapshot");
      await s.goesOn(config);
    },
  },
  {
    name: "the primary is restored from an old copy",
    shows: AUDITED,
    run: async (s) => {
      const config = await s.archivedOnce();
      cpSync(s.path("files"), s.path("old"), { recursive: true });
      s.start(config);
      await s.put(600);
      await s.settled();
      await s.drained();
      rmSync(s.path("files"), { recursive: true });
      renameSync(s.path("old"), s.path("files"));
      s.injected.push("the primary lost everything since a snapshot");
      await s.goesOn(config);
    },
  },
  {
    name: "the newest manifests are deleted",
    shows: AUDITED,
    run: async (s) => {
      const config = await s.archivedOnce();
      // Without any manifest it would be `archive-emptied`, which waits for somebody.
      s.start(config);
      for (let round = 0; round < 2; round += 1) {
        await s.put(300);
        await s.settled();
      }
      await s.drained();
      for (const folder of ["files", "copy"]) {
        const all = filesOf(s.path(folder, "manifests"));
        for (const p of [0, 1, 2]) {
          const own = all.filter((f) => new RegExp(`/${p}/0/\\d{11}$`).test(dirname(f)));
          rmSync(own.at(-1) ?? "");
        }
      }
      s.injected.push("each partition's newest manifest is deleted from both sinks");
      await s.goesOn(config);
    },
  },
  {
    name: "an object of another sink is corrupted",
    shows: [...AUDITED, "damage-found"],
    run: async (s) => {
      const config = await s.archivedOnce();
      const file = filesOf(s.path("copy", "data")).at(-1) ?? "";
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      chmodSync(file, 0o600);
      writeFileSync(file, bytes);
      s.injected.push(`a bit of ${file.slice(s.dir.length)} is flipped`);
      const all = ["verify", "--config", config, "--deep", "--identity", s.identity];
      const found = await s.cli(...all);
      s.expect(found.code === 3, "verify ends with 3");
      s.reported.push(/.*(digest|sealed).*/.exec(found.stdout)?.[0]?.trim() ?? "");
      const mended = await s.cli(
        "reconcile",
        "--config",
        config,
        "--source",
        "files",
        "--target",
        "copy",
      );
      s.expect(mended.code === 0, `reconcile ends with 0: ${mended.stdout}${mended.stderr}`);
      await s.goesOn(config);
    },
  },
  {
    name: "a foreign manifest is laid where the next batch begins",
    shows: [...AUDITED, "waits", "never-destroys"],
    partitions: 1,
    run: async (s) => {
      const config = await s.archivedOnce();
      const last = filesOf(s.path("files", "manifests")).at(-1) ?? "";
      const { end } = JSON.parse(readFileSync(last, "utf8")) as { end: number };
      const forged = join(dirname(last), `${String(end).padStart(20, "0")}.json`);
      writeFileSync(forged, readFileSync(last, "utf8").replace('"records":', '"records":9'));
      s.injected.push("a manifest that nobody's seed signed lies in the primary");
      const daemon = s.start(config);
      await s.put(100);
      await s.says(/partition stopped/);
      s.expect(daemon.running, "the daemon runs on");
      rmSync(forged);
      await s.drained();
      await s.goesOn(config);
    },
  },
];
