/** Seeded JSON log events as services write them: the same seed gives the same bytes. */
export interface LogEvent {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, Buffer>>;
}

const SERVICES = ["checkout", "catalogue", "payments", "search", "accounts", "shipping", "mailer"];
const LEVELS = ["info", "info", "info", "info", "debug", "warn", "error"];
const PATHS = ["/api/v2/orders", "/api/v2/items", "/login", "/health", "/api/v1/carts", "/search"];
const WORDS =
  "request accepted upstream answered cache miss user session token refreshed retry scheduled row lock waited payload validated queue drained index updated".split(
    " ",
  );

/** A small generator of its own (mulberry32), so that no library's change alters the bytes. */
function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** @param bytes about how long a value is */
export function* logEvents(seed: number, bytes: number): Generator<LogEvent> {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const hex = (n: number): string =>
    Array.from({ length: n }, () => Math.floor(next() * 16).toString(16)).join("");
  for (let n = 0; ; n += 1) {
    const trace = hex(32);
    const user = Math.floor(next() * 50_000);
    let message = "";
    while (message.length < bytes - 268) message += `${pick(WORDS)} `;
    const value = JSON.stringify({
      time: new Date(1_790_000_000_000 + n * 37 + Math.floor(next() * 30)).toISOString(),
      level: pick(LEVELS),
      service: pick(SERVICES),
      host: `node-${Math.floor(next() * 40)}.internal`,
      trace,
      span: hex(16),
      user: `u${user}`,
      method: next() < 0.7 ? "GET" : "POST",
      path: `${pick(PATHS)}/${Math.floor(next() * 1e6)}`,
      status: next() < 0.97 ? 200 : 503,
      ms: Math.round(next() * 4_000) / 10,
      message: message.trimEnd(),
    });
    const headers = { trace: Buffer.from(trace), source: Buffer.from("quickstart") };
    yield { key: Buffer.from(`u${user}`), value: Buffer.from(value), headers };
  }
}
