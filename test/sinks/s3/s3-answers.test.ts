import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { madeBatch } from "../../../src/sdk/conformance-batches.ts";
import { SinkError } from "../../../src/sdk/sink-error.ts";
import { openWith, storeWith } from "./s3-place.ts";

/**
 * Answers that a Ceph does not give on demand, word for word as AWS documents them, from a server
 * that says nothing else. What a store does with a request is tested on a real one.
 */
const never = new AbortController().signal;
const batch = madeBatch({ partition: 0, start: 0n });

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

let server: Server;
let answer: Answer = { status: 500 };
let seen: IncomingHttpHeaders[] = [];
let endpoint = "";

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(request.headers);
    request.resume().once("end", () => {
      response.writeHead(answer.status, { "content-type": "application/xml", ...answer.headers });
      response.end(request.method === "HEAD" ? undefined : answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const xml = (code: string, more = ""): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code>` +
  `<Message>said ${code}</Message>${more}<RequestId>1</RequestId></Error>`;

const keys = { accessKeyId: "AK", secretAccessKey: "SK" };

async function refused(given: Answer, settings: object = keys): Promise<SinkError> {
  answer = given;
  const sink = await openWith({ endpoint, bucket: "archive", ...settings });
  try {
    await sink.publish(batch, never);
  } catch (error) {
    expect(error).toBeInstanceOf(SinkError);
    return error as SinkError;
  } finally {
    await sink.close();
  }
  throw new Error("it was not refused");
}

const soon = (): string => new Date(Date.now() + 5_000).toUTCString();

test.each([
  ["SlowDown", { status: 503, headers: { "retry-after": "7" } }, 7_000, 7_000],
  ["TooManyRequests", { status: 429, headers: { "retry-after": "2" } }, 2_000, 2_000],
  ["ServiceUnavailable", { status: 503, headers: { "retry-after": soon() } }, 1_000, 5_000],
] as const)("%s says when to come again", async (code, given, least, most) => {
  const error = await refused({ ...given, body: xml(code) });
  expect(error).toMatchObject({ code: "sink-transient" });
  expect(error.retryAfterMs).toBeGreaterThanOrEqual(least);
  expect(error.retryAfterMs).toBeLessThanOrEqual(most);
  expect(seen.length, "it is not retried in the sink").toBe(1);
});

test.each([
  ["InternalError", 500, "sink-transient", /the store failed/],
  ["SlowDown", 503, "sink-transient", /SlowDown/],
  ["RequestTimeout", 400, "sink-transient", /took too long/],
  ["RequestTimeTooSkewed", 403, "sink-transient", /clock is wrong/],
  ["QuotaExceeded", 403, "sink-transient", /quota/],
  ["ExpiredToken", 400, "sink-unauthorized", /temporary keys/],
  ["InvalidToken", 400, "sink-unauthorized", /sessionToken/],
  ["AccessDenied", 403, "sink-unauthorized", /rights?/],
  ["NoSuchBucket", 404, "sink-permanent", /create the bucket/],
  ["AuthorizationHeaderMalformed", 400, "sink-permanent", /correct `region`/],
  ["InvalidArgument", 400, "sink-permanent", /InvalidArgument/],
  ["NotImplemented", 501, "sink-permanent", /lacks/],
] as const)("%s (%i) is %s", async (code, status, expected, text) => {
  const error = await refused({ status, body: xml(code) });
  expect(error.code).toBe(expected);
  expect(error.message).toMatch(text);
  expect(error.message).toContain(`said ${code}`);
  expect(error.message).toContain("archive");
});

test("a bucket of another region is named with its region", async () => {
  const headers = { "x-amz-bucket-region": "eu-central-1" };
  const body = xml("PermanentRedirect", "<Endpoint>x.s3.eu-central-1.amazonaws.com</Endpoint>");
  const error = await refused({ status: 301, headers, body });
  expect(error.code).toBe("sink-permanent");
  expect(error.message).toMatch(/`region`.*eu-central-1/);
});

test("an answer that is no XML is transient", async () => {
  const error = await refused({ status: 502, body: "<html>Bad gateway" });
  expect(error.code).toBe("sink-transient");
  const garbled = await refused({ status: 200, body: "<ListBucketResult><Contents>" });
  expect(garbled.code).toBe("sink-transient");
});

test("temporary keys go along with their token, which the signature covers", async () => {
  await refused({ status: 500 }, { ...keys, sessionToken: "the-token" });
  expect(seen[0]?.["x-amz-security-token"]).toBe("the-token");
  expect(seen[0]?.authorization).toMatch(/SignedHeaders=[^,]*x-amz-security-token/);
});

test("no secret is in an error", async () => {
  const secretAccessKey = "very-secret-value";
  const error = await refused(
    { status: 403, body: xml("AccessDenied") },
    { ...keys, secretAccessKey },
  );
  expect(JSON.stringify(error) + String(error) + String(error.cause)).not.toContain(
    secretAccessKey,
  );
});

test("a store that answers success whatever If-Match says replaces nothing, and the reason is named", async () => {
  answer = { status: 200, headers: { etag: '"0123"' } };
  const store = storeWith({ endpoint, bucket: "archive", ...keys });
  const replacing = store.replace("data/file", Buffer.from("next"), "0123", never);
  await expect(replacing).rejects.toThrow(/answered success to a PUT with another etag.*s3\.md/);
  const conditions = seen.flatMap((headers) => headers["if-match"] ?? []);
  expect(conditions).toEqual([`"${"0".repeat(32)}"`, "0".repeat(32)]);
  expect(await store.honoursIfMatch(never)).toBe("ignored");
  await store.close();
});
