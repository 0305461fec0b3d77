/** One request that a sink made, and what a real store answered. */
export interface Exchange {
  readonly key: string;
  readonly status: number;
  /** Names and values in turns, as they came. */
  readonly headers: readonly string[];
  /** In base64. */
  readonly body: string;
}

/** Stands in kept answers where the store's own address was. */
export const HERE = "here.invalid:1";

/** What is asked, without names that differ from run to run. */
export function keyOf(method: string, url: string): string {
  const { pathname, searchParams } = new URL(url, "http://store");
  const asked = searchParams.get("op") ?? [...new Set(searchParams.keys())].sort().join("&");
  const words = pathname.split("/").filter((part) => part.startsWith("_"));
  return [method, asked, ...words].join(" ");
}

/** Headers that say how a body comes, which is said anew. */
const FRAMING = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "date",
]);

/** As the bytes of a whole answer, after which the connection is closed. */
export function rawAnswer({ status, headers, body }: Exchange, method: string): Buffer {
  const lines = [`HTTP/1.1 ${status} Answer`];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!FRAMING.has((headers[i] ?? "").toLowerCase()))
      lines.push(`${headers[i]}: ${headers[i + 1]}`);
  }
  const bytes = Buffer.from(body, "base64");
  const told = headers[headers.findIndex((h) => h.toLowerCase() === "content-length") + 1];
  const length = method === "HEAD" ? (told ?? "0") : String(bytes.length);
  lines.push(`Content-Length: ${length}`, "Connection: close", "", "");
  return Buffer.concat([Buffer.from(lines.join("\r\n"), "latin1"), bytes]);
}
