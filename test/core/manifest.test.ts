import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { genesisLink, nextLink } from "../../src/core/chain.ts";
import type { Description } from "../../src/core/description.ts";
import { parse } from "../../src/core/json.ts";
import {
  descriptionOf,
  encodeDescription,
  encodeManifest,
  macOk,
  makeManifest,
  parseDescription,
  parseManifest,
} from "../../src/core/manifest.ts";
import { KEY, sample } from "./manifest-samples.ts";

const genesis = genesisLink("3f1c2a", KEY);
const macKey = Buffer.alloc(32, 9);
const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

describe("text", () => {
  test("a manifest reads back as it was, with its keys in the order of the format", () => {
    const manifest = makeManifest(sample(), genesis, macKey);
    const text = encodeManifest(manifest);
    expect(parseManifest(bytes(text))).toEqual(manifest);
    expect(text.endsWith("}\n")).toBe(true);
    const keys =
      "version archiveId clusterId topic topicId partition branch start end batchId revision " +
      "leaderEpoch records aborted control compacted filtered deadLettered holes minTimestamp " +
      "maxTimestamp format content seal prevLink link mac";
    expect(Object.keys(parse(text) as object).join(" ")).toBe(keys);
  });

  test("the order in which a value was put together does not show", () => {
    const shuffled = Object.fromEntries(Object.entries(sample()).reverse());
    expect(encodeDescription(shuffled as unknown as Description)).toBe(encodeDescription(sample()));
  });

  test("offsets near 2^63 are integer literals and stay exact", () => {
    const start = 9_223_372_036_854_775_797n;
    const description = sample({ start });
    const text = encodeDescription(description);
    expect(text).toContain('"start":9223372036854775797,"end":9223372036854775807,');
    expect(parseDescription(bytes(text)).end).toBe(9_223_372_036_854_775_807n);
  });

  test("any consistent range and timestamps survive", () => {
    const property = fc.property(
      fc.bigInt(0n, (1n << 63n) - 11n),
      fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
      (start, timestamp) => {
        const d = sample({ start, minTimestamp: timestamp, maxTimestamp: timestamp });
        expect(parseDescription(bytes(encodeDescription(d)))).toEqual(d);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  test("a mutated byte is refused or changes nothing", () => {
    const text = bytes(encodeManifest(makeManifest(sample(), genesis)));
    const property = fc.property(
      fc.nat(text.length - 1),
      fc.integer({ min: 0, max: 255 }),
      (at, value) => {
        fc.pre(text[at] !== value);
        const mutated = Uint8Array.from(text);
        mutated[at] = value;
        let accepted: unknown;
        try {
          accepted = parseManifest(mutated);
        } catch (error) {
          expect(error).toMatchObject({ code: "manifest-invalid" });
          return;
        }
        // What the link does not cover can change unseen here; the MAC covers it.
        const signed = makeManifest(sample(), genesis, macKey);
        const forged = { ...(accepted as typeof signed), mac: signed.mac as string };
        expect(macOk(forged, macKey)).toBe(false);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe("refusals name the field", () => {
  const text = encodeManifest(makeManifest(sample(), genesis));
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["an unknown key", text.replace('"version":1', '"version":1,"host":"a"'), /host/],
    ["another version", text.replace('"version":1', '"version":2'), /field version/],
    ["a string for an offset", text.replace('"start":100', '"start":"100"'), /field start/],
    ["a fraction", text.replace('"records":8', '"records":8.5'), /field records/],
    ["an offset beyond 2^63", text.replace('"end":110', '"end":9223372036854775808'), /field end/],
    ["a path that climbs", text.replace("data/logs", "data/../logs"), /field seal\.path/],
    ["another path", text.replace(".log.zst", ".ndjson.zst"), /field seal\.path/],
    ["upper-case hex", text.replace(/"link":"../, '"link":"FF'), /field link/],
    ["a link that does not follow", text.replace(/"link":"../, '"link":"zz'), /field link/],
    [
      "a wrong link",
      text.replace(/"link":"[0-9a-f]{64}/, `"link":"${"0".repeat(64)}`),
      /field link/,
    ],
    ["counts that do not add up", text.replace('"records":8', '"records":7'), /field records/],
    ["a hole out of range", text.replace('"to":110', '"to":111'), /field holes\.1/],
    ["a hole without a count", text.replace('"reason":"control"', '"reason":"retention"'), /field/],
    ["a topic that is a path", text.replace('"topic":"logs', '"topic":"../logs'), /field topic/],
    ["a repeated key", text.replace('"version":1', '"version":1,"version":1'), /canonical/],
    ["spaces", text.replace('"version":1', '"version": 1'), /canonical/],
    ["another spelling of a number", text.replace('"start":100', '"start":1e2'), /canonical/],
    ["no newline", text.trimEnd(), /canonical/],
    ["a tail", `${text}{}`, /JSON/],
    ["nothing", "", /JSON/],
  ];
  test.each(cases)("%s", (_name, mutated, message) => {
    expect(mutated).not.toBe(text);
    expect(() => parseManifest(bytes(mutated))).toThrow(message);
    expect(() => parseManifest(bytes(mutated))).toThrow(
      expect.objectContaining({ code: "manifest-invalid" }),
    );
  });

  test("what is not UTF-8, and what is too large", () => {
    expect(() => parseManifest(Buffer.from([0xff, 0xfe]))).toThrow(/UTF-8/);
    expect(() => parseManifest(new Uint8Array((16 << 20) + 1))).toThrow(/at most/);
  });

  test("an inconsistent description is never written", () => {
    expect(() => encodeDescription(sample({ records: 9n }))).toThrow(/counts add up to 11/);
    expect(() => encodeManifest({ ...makeManifest(sample(), genesis), link: genesis })).toThrow(
      /link of manifest/,
    );
  });
});

describe("consistency", () => {
  const refused: readonly (readonly [string, Partial<Description>, RegExp])[] = [
    ["empty range", { end: 100n }, /end/],
    [
      "overlapping holes",
      {
        holes: [
          { from: 102n, to: 104n, reason: "aborted" },
          { from: 103n, to: 104n, reason: "control" },
        ],
      },
      /holes\.1/,
    ],
    [
      "offsets equal to the range",
      {
        holes: [
          { from: 102n, to: 103n, reason: "aborted", offsets: 1n },
          { from: 109n, to: 110n, reason: "control" },
        ],
      },
      /holes\.0\.offsets/,
    ],
    ["min after max", { minTimestamp: 5n, maxTimestamp: 4n }, /maxTimestamp/],
    ["one timestamp null", { minTimestamp: null }, /maxTimestamp/],
    [
      "tag without encryption",
      { content: { algorithm: "blake3", tag: "0".repeat(64) } },
      /content/,
    ],
    ["batch id of another start", { batchId: "x" }, /batchId/],
  ];
  test.each(refused)("%s is refused", (_name, over, message) => {
    expect(() => encodeDescription(sample(over))).toThrow(message);
  });

  test("a hole may count fewer offsets than its range, and retention counts as compacted", () => {
    const d = sample({
      records: 5n,
      aborted: 0n,
      control: 1n,
      compacted: 3n,
      filtered: 1n,
      holes: [
        { from: 100n, to: 106n, reason: "compacted", offsets: 2n },
        { from: 106n, to: 107n, reason: "retention" },
        { from: 107n, to: 108n, reason: "skipped", text: "disk of broker 2, ticket 815" },
        { from: 109n, to: 110n, reason: "control" },
      ],
    });
    expect(parseDescription(bytes(encodeDescription(d)))).toEqual(d);
  });
});

describe("chain", () => {
  test("golden links: another implementation has to find these", () => {
    expect(genesis).toMatchInlineSnapshot(
      `"c65ac4aa896c087edc63e9743b96ef2fc7b93d1e3d596787a67d396deef8a9c7"`,
    );
    expect(nextLink(genesis, sample())).toMatchInlineSnapshot(
      `"6540a16f11fa36ccf6b77372bbadcff302bf7c6bfcd0ecf5b91498b5afb6ba56"`,
    );
  });

  test("a link covers what was archived and not how it is stored", () => {
    const link = nextLink(genesis, sample());
    const { seal } = sample();
    expect(nextLink(genesis, sample({ seal: { ...seal, size: 9, digest: "0".repeat(64) } }))).toBe(
      link,
    );
    const moved: readonly Partial<Description>[] = [
      { start: 101n },
      { end: 111n },
      { records: 9n },
      { partition: 4 },
      { branch: 1 },
      { topicId: "BAAAAAAAAAAAAAAAAAAAAQ" },
      { holes: [] },
      { holes: [{ from: 100n, to: 101n, reason: "skipped" }] },
      { holes: [{ from: 100n, to: 101n, reason: "skipped", text: "why" }] },
      { content: { algorithm: "blake3", digest: "0".repeat(64) } },
      { content: { algorithm: "blake3", tag: (sample().content as { digest: string }).digest } },
    ];
    const links = moved.map((over) => nextLink(genesis, { ...sample(), ...over }));
    expect(new Set([link, ...links]).size).toBe(moved.length + 1);
    expect(nextLink(link, sample())).not.toBe(link);
  });

  test("each branch has its own beginning", () => {
    const others = [
      genesisLink("other", KEY),
      genesisLink("3f1c2a", { ...KEY, topic: "logs" }),
      genesisLink("3f1c2a", { ...KEY, branch: 1 }),
    ];
    expect(new Set([genesis, ...others]).size).toBe(4);
  });
});

describe("MAC", () => {
  test("holds under its key only, and covers what the link does not", () => {
    const manifest = makeManifest(sample(), genesis, macKey);
    expect(macOk(parseManifest(bytes(encodeManifest(manifest))), macKey)).toBe(true);
    expect(macOk(manifest, Buffer.alloc(32, 8))).toBe(false);
    expect(macOk({ ...manifest, revision: 1 }, macKey)).toBe(false);
    expect(macOk(makeManifest(sample(), genesis), macKey)).toBe(false);
  });

  test("descriptionOf is what was put in", () => {
    expect(descriptionOf(makeManifest(sample(), genesis, macKey))).toEqual(sample());
  });
});
