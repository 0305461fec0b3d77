import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { elasticsearchPlugin } from "../../../sinks/elasticsearch/elasticsearch-plugin.ts";
import type { Sink } from "../../../src/sdk/sink.ts";

const never = new AbortController().signal;

/** A store that compresses although nobody asked it to. */
let body = Buffer.alloc(0);
let asked: string | undefined;
const server = createServer((request, response) => {
  asked = request.headers["accept-encoding"];
  response.writeHead(200, {
    "content-type": "application/json",
    "content-encoding": "gzip",
    "x-elastic-product": "Elasticsearch",
  });
  response.end(body);
});
let sink: Sink;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = elasticsearchPlugin.schema.parse({ url, indexPrefix: "archive" });
  sink = await elasticsearchPlugin.open(settings, { name: "search", baseDir: "/" }, never);
});
afterAll(async () => {
  await sink.close();
  await new Promise((resolve) => server.close(resolve));
});

test("a bomb is refused before it is unpacked, and answers are asked for as they are", async () => {
  body = gzipSync(Buffer.alloc(512 << 20, " "));
  const before = process.memoryUsage.rss();
  await expect(sink.identity(never)).rejects.toMatchObject({
    code: "sink-transient",
    message: expect.stringContaining("must not compress") as string,
  });
  expect(process.memoryUsage.rss() - before).toBeLessThan(256 << 20);
  expect(asked).toBe("identity");
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["what is no gzip", Buffer.from("{}")],
])("%s that calls itself compressed is a passing trouble of the sink", async (_what, bytes) => {
  body = bytes;
  await expect(sink.identity(never)).rejects.toMatchObject({ code: "sink-transient" });
});
