import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ArchiverError } from "../../src/core/errors.ts";
import type { Asked } from "../../src/operate/repair/operator.ts";
import { Operator } from "../../src/operate/repair/operator.ts";
import type { KafkaClient } from "../../src/kafka/client/kafka-client.ts";
import { nodeClock, nodeRandom } from "../../src/daemon/node-ports.ts";
import { configDir } from "../config/load.ts";
import { writeConfig } from "../faults/daemon.ts";
import { LiveTopic } from "../faults/topic.ts";
import { connected, groupsAreReady, never } from "../kafka/live-kafka.ts";
import { start, type Started } from "./cli-process.ts";

/** How operators ask a running daemon to leave a partition alone. */
const bootstrap = process.env["TEST_KAFKA"] ?? "";
const name = `operator-channel-${process.pid}`;
const dir = configDir();
let topic: LiveTopic;
let daemon: Started;
const clients: KafkaClient[] = [];

/** Each over connections of its own, as a process has. */
async function open(command: string, waitMs = 20_000, notes: string[] = []): Promise<Operator> {
  const client = await connected(bootstrap);
  clients.push(client);
  const note = (text: string): void => void notes.push(text);
  const ports = { client, clock: nodeClock, random: nodeRandom, note };
  return Operator.open({ ...ports, group: name, command, waitMs }, never);
}

beforeAll(async () => {
  await groupsAreReady(bootstrap);
  topic = await LiveTopic.create(bootstrap, name, 2);
  const config = writeConfig(dir, "channel.yaml", {
    bootstrap,
    group: name,
    topics: [name],
    batchBytes: "64KiB",
    age: "300ms",
  });
  daemon = start(["run", "--config", config]);
  await daemon.said("partitions assigned");
}, 120_000);

afterAll(async () => {
  daemon.child.kill("SIGKILL");
  await daemon.ended;
  await topic.close();
  for (const client of clients) await client.close();
  rmSync(dir, { recursive: true, force: true });
});

const alive = (): string | null => (daemon.child.exitCode === null ? null : "the daemon ended");

test("a paused partition stands still, the other goes on, and afterwards both do", async () => {
  await topic.produce(200);
  await topic.archived(name, 30_000, alive);
  const operator = await open("test");
  await operator.paused(
    { topic: name, partition: 0 },
    async (held) => {
      held.check();
      const before = await topic.committed(name);
      await topic.produce(400);
      for (;;) {
        const [, second] = await topic.committed(name);
        if (second !== undefined && second > (before[1] ?? 0n)) break;
        await nodeClock.sleep(100, never);
      }
      await nodeClock.sleep(700, never);
      expect((await topic.committed(name))[0]).toBe(before[0]);
      held.check();
    },
    never,
  );
  await operator.close();
  await topic.archived(name, 30_000, alive);
});

test("one command at a time: the second waits, or says who holds the group", async () => {
  const first = await open("first");
  const notes: string[] = [];
  await expect(open("second", 1, notes)).rejects.toThrow(/held by another operator command/);
  const waiting = open("third", 20_000, notes);
  await nodeClock.sleep(1_500, never);
  expect(notes.some((n) => n.includes("another operator command"))).toBe(true);
  // The holder is disturbed by who waits, and still holds.
  await first.paused(
    { topic: name, partition: 1 },
    async (held) => {
      await Promise.resolve();
      held.check();
    },
    never,
  );
  await first.close();
  await (await waiting).close();
});

test("a pause lasts as long as its work; who can no longer renew it stops before the owner goes on", async () => {
  const client = await connected(bootstrap);
  clients.push(client);
  let silent = false;
  const waiting = new Set<(why: Error) => void>();
  const unanswered = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      waiting.add(reject);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  // The connection of a machine that drops out of the network: nothing comes back, and it takes long to fail.
  const falling = new Proxy(client, {
    get: (of, what) => {
      if (what !== "sendToCoordinator") return Reflect.get(of, what, of) as unknown;
      return (...asked: Parameters<KafkaClient["sendToCoordinator"]>) =>
        silent ? unanswered(asked[2]) : of.sendToCoordinator(...asked);
    },
  });
  const ports = { clock: nodeClock, random: nodeRandom };
  const given = { ...ports, group: name, command: "test", waitMs: 20_000 };
  const pauseMs = 8_000;
  const note = (): void => undefined;
  const operator = await Operator.open({ ...given, client: falling, pauseMs, note }, never);
  const at = { topic: name, partition: 0 };
  const stands = async (): Promise<bigint | undefined> => (await topic.committed(name))[0];
  await topic.archived(name, 30_000, alive);
  const before = await stands();
  const paused = operator.paused(
    at,
    async (held, signal) => {
      await topic.produce(400);
      // Longer than a pause lasts that nobody renews, even if it had begun this very moment.
      await nodeClock.sleep(pauseMs * 1.5, never);
      held.check();
      expect([await stands(), signal.aborted]).toEqual([before, false]);
      silent = true;
      await expect(unanswered(signal)).rejects.toThrow(/no longer sure/);
      silent = false;
      for (const fail of waiting) fail(new ArchiverError("kafka-unreachable", "timed out"));
      throw signal.reason;
    },
    never,
  );
  await expect(paused).rejects.toThrow(/the pause of .* is no longer sure/);
  expect(await stands()).toBe(before);
  await topic.archived(name, 30_000, alive);
  await operator.close();
});

test("what a daemon does not know is refused, and who died does not pause for ever", async () => {
  const operator = await open("test");
  const at = { topic: name, partition: 0 };
  const asked: Asked = { do: "attach", sink: "nowhere" };
  const id = await operator.ask(at, asked, never);
  expect((await operator.answer(at, id, never))?.is).toBe("refused");
  await operator.withdraw(at, id, never);
  // As if the process had died: the request stays, and nobody renews it.
  const dead = await operator.ask(at, { do: "pause", ttlMs: 4_000, beat: 0 }, never);
  expect((await operator.answer(at, dead, never))?.is).toBe("done");
  await topic.produce(300);
  await topic.archived(name, 30_000, alive);
  await operator.withdraw(at, dead, never);
  await operator.close();
});
