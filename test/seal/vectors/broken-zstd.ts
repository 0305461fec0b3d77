import { gzipSync } from "node:zlib";
import { blake3Hex } from "../../../src/core/digest.ts";
import { type Case, type Change, contentIs, cut, flip, grown, type Over } from "./broken.ts";

const FRAMES = "segment-zstd-frames";
const GZIP = "segment-gzip";
const FOOTER = 9;

interface Parts {
  readonly frames: readonly Buffer[];
  readonly table: Buffer;
}

/** The frames as the table says, and the table. */
function partsOf(bytes: Buffer): Parts {
  const count = bytes.readUInt32LE(bytes.length - FOOTER);
  const tableAt = bytes.length - FOOTER - 8 * count - 8;
  const table = bytes.subarray(tableAt);
  const frames: Buffer[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const size = table.readUInt32LE(8 + 8 * i);
    frames.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { frames, table };
}

function tableOf(frames: readonly (readonly [size: number, content: number])[]): Buffer {
  const table = Buffer.alloc(8 + 8 * frames.length + FOOTER);
  table.writeUInt32LE(0x184d2a5e, 0);
  table.writeUInt32LE(table.length - 8, 4);
  for (const [i, [size, content]] of frames.entries()) {
    table.writeUInt32LE(size, 8 + 8 * i);
    table.writeUInt32LE(content, 12 + 8 * i);
  }
  table.writeUInt32LE(frames.length, table.length - FOOTER);
  table.writeUInt32LE(0x8f92eab1, table.length - 4);
  return table;
}

const edited =
  (edit: (p: Parts) => Parts): Change =>
  (bytes) => {
    const { frames, table } = edit(partsOf(bytes));
    return Buffer.concat([...frames, table]);
  };

const inTable = (edit: (table: Buffer) => void): Change =>
  edited((p) => {
    const table = Buffer.from(p.table);
    edit(table);
    return { ...p, table };
  });

/** One frame of run-length blocks, and a table that agrees with what it claims. */
function bomb(claimed: number, blocks: number): Buffer {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(0xfd2fb528, 0);
  head.writeUInt8(0xa0, 4);
  head.writeUInt32LE(claimed, 5);
  const block = Buffer.alloc(4);
  const body = Array.from({ length: blocks }, (_, i) => {
    block.writeUIntLE((131_072 << 3) | (1 << 1) | (i === blocks - 1 ? 1 : 0), 0, 3);
    return Buffer.from(block);
  });
  const frame = Buffer.concat([head, ...body]);
  return Buffer.concat([frame, tableOf([[frame.length, claimed]])]);
}

/** Content size left out: a window descriptor stands in its place, one raw block follows. */
function unsized(content: Buffer): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
  const block = Buffer.alloc(3);
  block.writeUIntLE((content.length << 3) | 1, 0, 3);
  const frame = Buffer.concat([head, block, content]);
  return Buffer.concat([frame, tableOf([[frame.length, content.length]])]);
}

const sized =
  (contentSize: (now: number) => number): Over =>
  (m) => ({ ...m, seal: { ...m.seal, contentSize: contentSize(m.seal.contentSize) } });

const SHORT = Buffer.from("short");
const entries = (t: Buffer): [number, number][] =>
  Array.from({ length: t.readUInt32LE(t.length - FOOTER) }, (_, i) => [
    t.readUInt32LE(8 + 8 * i),
    t.readUInt32LE(12 + 8 * i),
  ]);

/** Not encrypted; the digest of the stored file is right in all of them. */
export const codecCases: Readonly<Record<string, Case>> = {
  "zstd-cut-in-frame": { base: FRAMES, change: cut(500), why: "ends in a frame" },
  "zstd-cut-in-table": { base: FRAMES, change: cut(-1), why: "ends in the table" },
  "zstd-no-table": {
    base: FRAMES,
    change: edited((p) => ({ ...p, table: Buffer.alloc(0) })),
    why: "the table is missing",
  },
  "zstd-empty": { base: FRAMES, change: cut(0), why: "nothing at all" },
  "zstd-frame-missing": {
    base: FRAMES,
    change: edited((p) => ({ ...p, frames: p.frames.toSpliced(1, 1) })),
    why: "a frame is missing, the table still has it",
  },
  "zstd-frame-missing-in-table": {
    base: FRAMES,
    change: edited(({ frames, table }) => ({
      frames: frames.toSpliced(1, 1),
      table: tableOf(entries(table).toSpliced(1, 1)),
    })),
    why: "a frame is missing, and the table agrees: the content is too short",
  },
  "zstd-frame-twice": {
    base: FRAMES,
    change: edited(({ frames, table }) => ({
      frames: [...frames.slice(0, 1), ...frames],
      table: tableOf([...entries(table).slice(0, 1), ...entries(table)]),
    })),
    why: "a frame is there twice, and the table agrees: the content is too long",
  },
  "zstd-frames-swapped": {
    base: FRAMES,
    change: edited(({ frames, table }) => ({
      frames: [frames[1], frames[0], ...frames.slice(2)].filter((f) => f !== undefined),
      table: tableOf([
        ...entries(table).slice(1, 2),
        ...entries(table).slice(0, 1),
        ...entries(table).slice(2),
      ]),
    })),
    why: "two frames changed places, and the table agrees: the content has another digest",
  },
  "zstd-trailing": { base: FRAMES, change: grown("\0"), why: "a byte follows the table" },
  "zstd-trailing-frame": {
    base: FRAMES,
    change: (b) => Buffer.concat([b, partsOf(b).frames[0] ?? SHORT]),
    why: "a frame follows the table",
  },
  "zstd-two-tables": {
    base: FRAMES,
    change: (b) => Buffer.concat([b, partsOf(b).table]),
    why: "the table is there twice",
  },
  "zstd-skippable-inside": {
    base: FRAMES,
    change: edited((p) => ({ ...p, frames: [tableOf([]), ...p.frames] })),
    why: "a skippable frame before the first one",
  },
  "zstd-table-size": {
    base: FRAMES,
    change: inTable((t) => t.writeUInt32LE(t.readUInt32LE(8) + 1, 8)),
    why: "the table has another size of a frame",
  },
  "zstd-table-content-size": {
    base: FRAMES,
    change: inTable((t) => t.writeUInt32LE(t.readUInt32LE(12) - 1, 12)),
    why: "the table has another size of a frame's content",
  },
  "zstd-table-count": {
    base: FRAMES,
    change: inTable((t) => t.writeUInt32LE(3, t.length - FOOTER)),
    why: "the table counts other frames than it has",
  },
  "zstd-table-flags": {
    base: FRAMES,
    change: inTable((t) => t.writeUInt8(0x80, t.length - 5)),
    why: "the table says that it has checksums",
  },
  "zstd-table-magic": { base: FRAMES, change: flip(-1), why: "the table's last magic number" },
  "zstd-table-skippable-magic": {
    base: FRAMES,
    change: inTable((t) => t.writeUInt32LE(0x184d2a50, 0)),
    why: "another kind of skippable frame",
  },
  "zstd-flipped-magic": {
    base: FRAMES,
    change: flip(0),
    why: "a bit of the first frame's magic number",
  },
  "zstd-flipped-content-size": {
    base: FRAMES,
    change: edited(({ frames, table }) => {
      const [first = SHORT, ...rest] = frames;
      const other = Buffer.from(first);
      other.writeUInt8(other.readUInt8(6) ^ 1, 6);
      return { frames: [other, ...rest], table };
    }),
    why: "a frame claims another size of its content",
  },
  "zstd-flipped-block": { base: FRAMES, change: flip(200), why: "a bit of a compressed block" },
  "zstd-flipped-checksum": {
    base: FRAMES,
    change: edited(({ frames, table }) => {
      const [first = SHORT, ...rest] = frames;
      return { frames: [flip(-1)(Buffer.from(first)), ...rest], table };
    }),
    why: "a bit of a frame's checksum",
  },
  "zstd-no-content-size": {
    base: FRAMES,
    change: () => unsized(SHORT),
    over: (m) => contentIs(m, SHORT),
    why: "a frame does not say the size of its content",
  },
  "zstd-bomb-claimed": {
    base: FRAMES,
    change: () => bomb(1 << 30, 8_192),
    over: sized(() => 1 << 30),
    why: "a frame of 32 KiB that says it unfolds to 1 GiB; frames have 1 MiB at most",
  },
  "zstd-bomb-hidden": {
    base: FRAMES,
    change: () => bomb(1 << 20, 8_192),
    over: sized(() => 1 << 20),
    why: "a frame of 32 KiB that says 1 MiB and unfolds to 1 GiB",
  },
  "zstd-beyond-content-size": {
    base: FRAMES,
    over: sized((n) => n - 1),
    why: "unfolds to a byte more than the manifest says",
  },
  "zstd-below-content-size": {
    base: FRAMES,
    over: sized((n) => n + 1),
    why: "unfolds to a byte less than the manifest says",
  },
  "gzip-cut": { base: GZIP, change: cut(-9), why: "ends before its checksum" },
  "gzip-cut-in-checksum": { base: GZIP, change: cut(-2), why: "ends in its length" },
  "gzip-trailing": { base: GZIP, change: grown("\0"), why: "a byte follows the member" },
  "gzip-second-member": {
    base: GZIP,
    change: (b) => Buffer.concat([b, gzipSync(SHORT)]),
    why: "a second member, more content than the manifest says",
  },
  "gzip-flipped-magic": { base: GZIP, change: flip(1), why: "a bit of the magic number" },
  "gzip-flipped-block": { base: GZIP, change: flip(40), why: "a bit of a block" },
  "gzip-flipped-checksum": { base: GZIP, change: flip(-6), why: "a bit of the checksum" },
  "gzip-bomb": {
    base: GZIP,
    change: () => gzipSync(Buffer.alloc(64 << 20)),
    why: "64 KiB that unfold to 64 MiB, of which the manifest knows nothing",
  },
  "content-size": {
    base: "segment-none",
    over: sized((n) => n + 1),
    why: "the manifest says a byte more than there is",
  },
  "content-digest": {
    base: "segment-zstd-kept",
    over: (m) => ({ ...m, content: { algorithm: "blake3", digest: blake3Hex(SHORT) } }),
    why: "the manifest has the digest of another content",
  },
};
