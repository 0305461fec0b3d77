const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

const rotl = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));
const round = (acc: number, word: number): number =>
  Math.imul(rotl((acc + Math.imul(word, P2)) | 0, 13), P1);

/** XXH32 with seed 0, the checksum of LZ4 frames; an unsigned 32-bit number. */
export function xxh32(b: Buffer): number {
  const n = b.length;
  let at = 0;
  let h: number;
  if (n >= 16) {
    let v1 = (P1 + P2) | 0;
    let v2 = P2 | 0;
    let v3 = 0;
    let v4 = -P1 | 0;
    for (; at <= n - 16; at += 16) {
      v1 = round(v1, b.readInt32LE(at));
      v2 = round(v2, b.readInt32LE(at + 4));
      v3 = round(v3, b.readInt32LE(at + 8));
      v4 = round(v4, b.readInt32LE(at + 12));
    }
    h = (rotl(v1, 1) + rotl(v2, 7) + rotl(v3, 12) + rotl(v4, 18)) | 0;
  } else {
    h = P5;
  }
  h = (h + n) | 0;
  for (; at <= n - 4; at += 4) {
    h = Math.imul(rotl((h + Math.imul(b.readInt32LE(at), P3)) | 0, 17), P4);
  }
  for (; at < n; at++) h = Math.imul(rotl((h + Math.imul(b[at] as number, P5)) | 0, 11), P1);
  h = Math.imul(h ^ (h >>> 15), P2);
  h = Math.imul(h ^ (h >>> 13), P3);
  return (h ^ (h >>> 16)) >>> 0;
}
