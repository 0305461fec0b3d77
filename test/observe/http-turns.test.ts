import { Agent, request } from "node:http";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type Running, startHttp, STATUS, viewOf } from "./http-server.ts";

let running: Running | undefined;
afterEach(async () => {
  await running?.server.close();
  running = undefined;
});

const HEAD = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

test("thousands of requests in one piece are not answered one by one: the connection is cut off", async () => {
  running = await startHttp(() => viewOf(() => STATUS));
  const port = Number(new URL(running.server.url).port);
  const text = await new Promise<string>((resolve) => {
    let said = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(HEAD.repeat(5_000)));
    socket.on("data", (b: Buffer) => (said += b.toString("latin1")));
    // What of the requests was on its way when it was cut off is refused by the system.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(said));
  });
  expect([...text.matchAll(/^HTTP\/1\.1 200/gm)].length).toBeLessThan(2);
  expect((await running.ask("/metrics")).status).toBe(200);
});

test("one after the other, a connection is kept for as many as are asked", async () => {
  running = await startHttp(() => viewOf(() => STATUS));
  const port = Number(new URL(running.server.url).port);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number>();
  for (let i = 0; i < 300; i += 1) {
    const status = await new Promise<number>((resolve, reject) => {
      const path = i % 2 === 0 ? "/metrics" : "/page/page.css";
      const asked = request({ port, host: "127.0.0.1", path, agent }, (answer) => {
        ports.add(answer.socket.localPort ?? 0);
        answer.resume().once("end", () => resolve(answer.statusCode ?? 0));
      });
      asked.once("error", reject).end();
    });
    expect(status).toBe(200);
  }
  agent.destroy();
  expect(ports.size).toBe(1);
});
