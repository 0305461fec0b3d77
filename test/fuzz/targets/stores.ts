import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Exchange, rawAnswer } from "../exchanges.ts";
import { HostileServer } from "../hostile-server.ts";
import { INHERITED } from "../mutate-json.ts";
import { CALLS } from "../store-calls.ts";
import { type StoreKind, STORES } from "../stores.ts";
import { must, takenAsync, type Target } from "../target.ts";

/**
 * A store that answers what it likes. An input is an answer of a real one (kept by `keep-store-answers.ts`)
 * made wrong, behind a line that says in which call it comes and as which answer.
 */
const keptOf = (kind: StoreKind): Readonly<Record<string, readonly Exchange[]>> => {
  const file = fileURLToPath(new URL(`../../vectors/answers/${kind}.json`, import.meta.url));
  return JSON.parse(readFileSync(file, "utf8")) as Record<string, readonly Exchange[]>;
};

const WORDS = [
  ...[
    '"',
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "null",
    "true",
    "0",
    "-1",
    "1e300",
    '"a":1,',
    "\n",
    "\r\n",
  ],
  ...[
    "../",
    "/..",
    "\u0000",
    "9223372036854775808",
    "HTTP/1.1 ",
    "200",
    "404",
    "500",
    "307",
    "206",
  ],
  ...[
    "<",
    ">",
    "</",
    "<Key>../../x</Key>",
    "<!DOCTYPE a>",
    "&a;",
    "<![CDATA[",
    "<IsTruncated>true",
  ],
  ...["Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\n"],
  ...["Retry-After: 9e99\r\n", "Location: /\r\n", "constructor", ...INHERITED],
];
const MAX_SEED_BYTES = 20_000;
const CALL_MS = 10_000;

/** Answers with which a call never comes to an end are ended by the daemon's own deadline. */
export function storeTarget(kind: StoreKind): Target {
  const kept = keptOf(kind);
  const seeds = Object.entries(kept).flatMap(([call, script]) =>
    script.map((e, i) => {
      const raw = rawAnswer(e, e.key.split(" ", 1)[0] ?? "");
      return Buffer.concat([Buffer.from(`${call} ${i}\n`), raw]);
    }),
  );
  const place = new Place(kind, kept);
  return {
    name: `answers-${kind}`,
    shape: "http",
    seeds: seeds.filter((s) => s.length <= MAX_SEED_BYTES),
    words: WORDS,
    read: (input) => place.read(input),
    close: () => place.close(),
  };
}

class Place {
  readonly #kind: StoreKind;
  readonly #kept: Readonly<Record<string, readonly Exchange[]>>;
  #server: HostileServer | undefined;

  constructor(kind: StoreKind, kept: Readonly<Record<string, readonly Exchange[]>>) {
    this.#kind = kind;
    this.#kept = kept;
  }

  async read(input: Buffer): Promise<boolean> {
    const line = input.subarray(0, input.indexOf(10)).toString("latin1");
    const [, name = "list", number = "0"] = /^([a-z-]+) (\d{1,3})$/.exec(line) ?? [];
    const call = CALLS[name];
    const script = this.#kept[name];
    if (call === undefined || script === undefined) return false;
    this.#server ??= await HostileServer.open();
    const server = this.#server;
    server.play(script, Number(number), input.subarray(line.length + 1));
    // One for each input: what a sink remembers of one store is not true of the next.
    const sink = await STORES[this.#kind](
      server.url,
      this.#kind === "hdfs" ? "/archive" : "archive",
    );
    const ends = AbortSignal.timeout(CALL_MS);
    try {
      return await takenAsync(() => call(sink, ends));
    } catch (error) {
      if (error !== ends.reason) throw error;
      throw new Error(`no end within ${CALL_MS} ms`, { cause: error });
    } finally {
      await sink.close();
      must(!server.wasAskedWithoutEnd, "asks come to an end");
    }
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}
