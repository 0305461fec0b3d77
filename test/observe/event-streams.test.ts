import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { type Running, startHttp } from "./http-server.ts";
import { MANY, SampleView } from "./sample-view.ts";

const sockets: Socket[] = [];
const servers: Running[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const { server, streams } of servers.splice(0)) {
    streams.close();
    await server.close();
  }
});

async function start(sample: SampleView): Promise<Running> {
  const running = await startHttp(() => sample.view());
  servers.push(running);
  return running;
}

interface Reader {
  readonly socket: Socket;
  text(): string;
  closed: boolean;
}

async function read({ server }: Running): Promise<Reader> {
  const { port } = new URL(server.url);
  const socket = connect(Number(port), "127.0.0.1");
  sockets.push(socket);
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => (text += chunk));
  const reader: Reader = { socket, text: () => text, closed: false };
  socket.on("close", () => (reader.closed = true));
  socket.on("error", () => (reader.closed = true));
  socket.write("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (!text.includes("\r\n\r\n")) await sleep(5);
  return reader;
}

/** The data of the events of a kind, in order. */
const events = (reader: Reader, kind: string): unknown[] =>
  [...reader.text().matchAll(new RegExp(`event: ${kind}\\ndata: (.*)\\n`, "g"))].map(
    (m) => JSON.parse(m[1] ?? "") as unknown,
  );

test("a whole report first, then what changed", async () => {
  const sample = new SampleView({ ...MANY, alone: true });
  const running = await start(sample);
  for (let i = 0; i < 1000; i++) sample.set(i, { oldestUnconfirmedMs: null });
  const reader = await read(running);
  while (events(reader, "report").length === 0) await sleep(5);
  expect(reader.text()).toMatch(/^HTTP\/1\.1 200[\s\S]*content-type: text\/event-stream/i);
  expect(events(reader, "report")[0]).toMatchObject({ daemon: { group: "archiver" } });
  await sleep(300);
  sample.set(3, { lag: 5n });
  running.streams.send();
  while (events(reader, "update").length === 0) await sleep(5);
  const [update] = events(reader, "update") as { partitions: { partition: number }[] }[];
  expect(update?.partitions.map((p) => p.partition)).toEqual([3]);
});

test("no more than twenty streams; who leaves makes room", async () => {
  const running = await start(new SampleView({ ...MANY, alone: true }));
  const readers = [];
  for (let i = 0; i < 20; i++) readers.push(await read(running));
  const refused = await running.ask("/api/events");
  expect(refused.status).toBe(503);
  expect(refused.headers["retry-after"]).toBe("5");
  readers[0]?.socket.destroy();
  while (running.streams.size === 20) await sleep(5);
  const last = await read(running);
  expect(last.text()).toMatch(/^HTTP\/1\.1 200/);
});

test("who reads nothing is dropped and holds no more than some megabytes; the others go on", async () => {
  const sample = new SampleView({ ...MANY, alone: true });
  const running = await start(sample);
  const slow = await read(running);
  slow.socket.pause();
  const quick = await read(running);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 400 && running.streams.size > 1; i++) {
    for (let j = 0; j < 1000; j++) sample.set(j, { lag: BigInt(i) });
    await sleep(20);
    running.streams.send();
  }
  expect(running.streams.size).toBe(1);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  slow.socket.resume();
  while (!slow.closed) await sleep(5);
  const seen = events(quick, "update").length;
  running.streams.send();
  while (events(quick, "update").length === seen) await sleep(5);
  expect(quick.closed).toBe(false);
});
