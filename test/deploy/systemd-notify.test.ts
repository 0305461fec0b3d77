import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STOPPING } from "../../src/observe/verdict.ts";
import { Daemon, writeConfig } from "../faults/daemon.ts";
import { createTopic, groupsAreReady, named, sharedKafka } from "../kafka/live-kafka.ts";
import "../integration/patience.ts";
import { NotifySocket } from "./notify-socket.ts";

const CALM = /^STATUS=files has confirmed up to [\d:]{8}, nothing is pending\.$/;

/** What systemd is told, received on a real datagram socket by another program. */
const topic = named("notified");
const dir = mkdtempSync(join(tmpdir(), "archiver-service-"));
let socket: NotifySocket;
let daemon: Daemon;

beforeAll(async () => {
  await createTopic(topic, 2);
  await groupsAreReady(sharedKafka());
  socket = await NotifySocket.open();
  const o = { bootstrap: sharedKafka(), group: named("service"), topics: [topic] };
  daemon = Daemon.start(writeConfig(dir, "daemon.yaml", o), join(dir, "daemon.log"), {
    NOTIFY_SOCKET: socket.path,
    WATCHDOG_USEC: "3000000",
  });
});

afterAll(async () => {
  await daemon.kill();
  await socket.close();
  await rm(dir, { recursive: true, force: true });
});

test("ready when it can answer, then a status line and the watchdog again and again", async () => {
  await socket.has("READY=1", 1);
  await socket.has("WATCHDOG=1", 3);
  await socket.has(CALM, 1);
});

test("a process that does not run feeds no watchdog", async () => {
  daemon.signal("SIGSTOP");
  await daemon.stopped(5_000);
  await sleep(300);
  const before = socket.count("WATCHDOG=1");
  await sleep(3_000);
  expect(socket.count("WATCHDOG=1")).toBe(before);
  daemon.signal("SIGCONT");
  await socket.has("WATCHDOG=1", before + 1);
});

test("SIGHUP is told from its beginning to its end, SIGTERM at its beginning", async () => {
  daemon.signal("SIGHUP");
  await socket.has("READY=1", 2);
  const reloading = socket.messages.find((m) => m.includes("RELOADING=1"));
  expect(reloading?.some((f) => /^MONOTONIC_USEC=\d+$/.test(f))).toBe(true);
  await daemon.drain();
  await socket.has("STOPPING=1", 1);
  expect(socket.messages.at(-1)).toContain(`STATUS=${STOPPING}`);
});
