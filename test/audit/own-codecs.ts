import { gunzipSync, zstdDecompressSync } from "node:zlib";

/**
 * The auditor's own decompression of record batches: node:zlib, and snappy and LZ4 written here.
 */
export function inflate(codec: number, data: Buffer): Buffer {
  switch (codec) {
    case 0:
      return data;
    case 1:
      return gunzipSync(data);
    case 2:
      return snappy(data);
    case 3:
      return lz4Frame(data);
    case 4:
      return zstdDecompressSync(data);
    default:
      throw new Error(`codec ${codec} is not known`);
  }
}

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/** Java frames snappy in blocks ("xerial"); librdkafka writes one bare block. */
function snappy(data: Buffer): Buffer {
  if (!data.subarray(0, 8).equals(XERIAL)) return snappyBlock(data);
  const out: Buffer[] = [];
  for (let at = 16; at < data.length;) {
    const size = data.readUInt32BE(at);
    out.push(snappyBlock(data.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return Buffer.concat(out);
}

function snappyBlock(data: Buffer): Buffer {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = data[at++] ?? 0;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const out = Buffer.alloc(length);
  let to = 0;
  while (at < data.length) {
    const tag = data[at++] ?? 0;
    if ((tag & 3) === 0) {
      let n = tag >> 2;
      if (n >= 60) {
        const extra = n - 59;
        n = data.readUIntLE(at, extra);
        at += extra;
      }
      to += data.copy(out, to, at, at + n + 1);
      at += n + 1;
      continue;
    }
    let n: number;
    let back: number;
    if ((tag & 3) === 1) {
      n = ((tag >> 2) & 7) + 4;
      back = ((tag >> 5) << 8) | (data[at++] ?? 0);
    } else {
      const width = (tag & 3) === 2 ? 2 : 4;
      n = (tag >> 2) + 1;
      back = data.readUIntLE(at, width);
      at += width;
    }
    to = copyBack(out, to, back, n);
  }
  if (to !== length) throw new Error(`snappy block gives ${to} bytes, said ${length}`);
  return out;
}

function copyBack(out: Buffer, to: number, back: number, n: number): number {
  if (back === 0 || back > to || to + n > out.length) throw new Error("copy out of bounds");
  if (back >= n) out.copyWithin(to, to - back, to - back + n);
  else for (let i = 0; i < n; i++) out[to + i] = out[to + i - back] ?? 0;
  return to + n;
}

function lz4Frame(data: Buffer): Buffer {
  if (data.readUInt32LE(0) !== 0x184d2204) throw new Error("no LZ4 frame");
  const flags = data[4] ?? 0;
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  const blockMax = 1 << (8 + 2 * (((data[5] ?? 0) >> 4) & 7));
  const out: Buffer[] = [];
  // Linked blocks may refer to the 64 KiB before them.
  let window = Buffer.alloc(0);
  for (;;) {
    const word = data.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const size = word & 0x7fffffff;
    const block = data.subarray(at, at + size);
    at += size + (flags & 0x10 ? 4 : 0);
    const plain = word >>> 31 === 1 ? Buffer.from(block) : lz4Block(block, window, blockMax);
    out.push(plain);
    window = Buffer.concat([window, plain]).subarray(-65536);
  }
  return Buffer.concat(out);
}

function lz4Block(data: Buffer, window: Buffer, max: number): Buffer {
  const out = Buffer.alloc(window.length + max);
  window.copy(out);
  let to = window.length;
  let at = 0;
  const more = (n: number): number => {
    if (n !== 15) return n;
    let byte: number;
    do {
      byte = data[at++] ?? 0;
      n += byte;
    } while (byte === 255);
    return n;
  };
  while (at < data.length) {
    const token = data[at++] ?? 0;
    const literals = more(token >> 4);
    to += data.copy(out, to, at, at + literals);
    at += literals;
    if (at >= data.length) break;
    const back = data.readUInt16LE(at);
    at += 2;
    to = copyBack(out, to, back, more(token & 15) + 4);
  }
  return out.subarray(window.length, to);
}
