import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { elasticsearchPlugin } from "../../../sinks/elasticsearch/elasticsearch-plugin.ts";
import { IDENTITY, madeBatch } from "../../../src/sdk/conformance-batches.ts";
import type { Sink } from "../../../src/sdk/sink.ts";
import { named } from "../../kafka/live-kafka.ts";
import { Authority } from "../../servers/certificates.ts";
import { elasticsearch } from "./elasticsearch-place.ts";

const never = new AbortController().signal;
const dir = mkdtempSync(join(tmpdir(), "archiver-search-secured-"));
const opened: Sink[] = [];
let server: Awaited<ReturnType<typeof elasticsearch>>;
let guard: Server;
let authority: Authority;

/** What the archive's user says; a request without it is refused, as x-pack would. */
const GOOD = new Set([
  `Basic ${Buffer.from("alice:wonderland").toString("base64")}`,
  "ApiKey c2VjcmV0",
]);

beforeAll(async () => {
  server = await elasticsearch();
  authority = new Authority(join(dir, "tls"), "search-test");
  guard = guarded(authority, server.url);
  guard.listen(0, "127.0.0.1");
  await once(guard, "listening");
}, 300_000);

afterAll(async () => {
  for (const sink of opened) await sink.close();
  guard.closeAllConnections();
  guard.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** TLS and authentication in front of the node, which comes without x-pack. */
function guarded(of: Authority, url: string): Server {
  const { cert, key } = of.issue("node");
  // The authority is in the chain, as Elasticsearch's own set-up does it.
  const chain = Buffer.concat([readFileSync(cert), readFileSync(of.ca)]);
  return createServer({ cert: chain, key: readFileSync(key) }, (req, res) => {
    if (!GOOD.has(req.headers.authorization ?? "")) {
      req.resume();
      res.writeHead(401, {
        "content-type": "application/json",
        "x-elastic-product": "Elasticsearch",
      });
      res.end(
        '{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}',
      );
      return;
    }
    const { authorization: _authorization, ...headers } = req.headers;
    const to = request(new URL(req.url ?? "/", url), {
      method: req.method ?? "GET",
      headers,
      agent: false,
    });
    to.once("response", (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(res);
    });
    to.once("error", (error) => res.destroy(error));
    req.pipe(to);
  });
}

const guardUrl = (): string => `https://127.0.0.1:${(guard.address() as AddressInfo).port}`;

async function opening(settings: Readonly<Record<string, unknown>>): Promise<Sink> {
  const config = elasticsearchPlugin.schema.parse({ url: server.url, ...settings });
  const sink = await elasticsearchPlugin.open(config, { name: "search", baseDir: dir }, never);
  opened.push(sink);
  return sink;
}

test("basic authentication and API keys over TLS, by fingerprint or authority", async () => {
  const fingerprint = new X509Certificate(readFileSync(authority.ca)).fingerprint256;
  const user = { username: "alice", password: "wonderland" };
  const ways = [
    { ...user, caFingerprint: fingerprint },
    { ...user, ca: authority.ca },
    { apiKey: "c2VjcmV0", ca: authority.ca },
  ];
  for (const way of ways) {
    const sink = await opening({ url: guardUrl(), indexPrefix: named("tls"), ...way });
    expect(await sink.claim(IDENTITY, never)).toEqual(IDENTITY);
  }
  const wrong = { url: guardUrl(), ca: authority.ca, username: "alice", password: "looking-glass" };
  const refused = await opening(wrong);
  await expect(refused.identity(never)).rejects.toMatchObject({ code: "sink-unauthorized" });
  await expect(
    refused.publish(madeBatch({ partition: 0, start: 0n }), never),
  ).rejects.toMatchObject({ code: "sink-unauthorized" });
  const other = fingerprint.replaceAll("A", "B").replaceAll("1", "2");
  const foreign = await opening({ url: guardUrl(), ...ways[0], caFingerprint: other });
  await expect(foreign.identity(never)).rejects.toMatchObject({ code: "sink-unauthorized" });
});
