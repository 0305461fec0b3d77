import type { Dice } from "../sim/core/random.ts";
import { jsonMutated } from "./mutate-json.ts";
import { mutated, type Mutation } from "./mutation.ts";
import type { Target } from "./target.ts";

const HOWS: readonly Mutation["how"][] = [
  ...(["flip", "flip", "set", "set", "cut", "insert", "repeat"] as const),
];
/** Longer inputs are of no use: what is bounded is bounded far below. */
const MAX_INPUT_BYTES = 256 << 10;

/** Values of which one too many, one too few, or the sign makes a difference. */
const EDGES: readonly bigint[] = [
  ...[0n, 1n, -1n, 127n, 128n, 255n, 256n, 32_767n, 32_768n, 65_535n, 65_536n],
  ...[(1n << 20n) - 1n, 1n << 20n, (1n << 31n) - 1n, 1n << 31n, -(1n << 31n), (1n << 32n) - 1n],
  ...[(1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n)],
];

/** The input with this number: the same for the same dice. */
export function inputOf(target: Target, dice: Dice): Buffer {
  // Mostly short ones, where a change is near to what matters, and reading takes no time.
  const seed = seedsOf(target)[Math.floor(dice.unit() ** 3 * target.seeds.length)] as Buffer;
  if (dice.chance(0.01)) return Buffer.from(dice.bytes(dice.int(0, 200)));
  let input = seed;
  const rounds = dice.chance(0.7) ? 1 : dice.int(2, 4);
  for (let i = 0; i < rounds; i += 1) input = once(target, input, dice);
  if (input.length > MAX_INPUT_BYTES) input = input.subarray(0, MAX_INPUT_BYTES);
  // Without mending as well: what a length or a checksum guards has to be guarded.
  return target.mend !== undefined && dice.chance(0.85) ? target.mend(input, dice) : input;
}

const bySize = new WeakMap<Target, readonly Buffer[]>();

function seedsOf(target: Target): readonly Buffer[] {
  const known = bySize.get(target);
  if (known !== undefined) return known;
  const sorted = target.seeds.toSorted((a, b) => a.length - b.length);
  bySize.set(target, sorted);
  return sorted;
}

function once(target: Target, input: Buffer, dice: Dice): Buffer {
  const { shape, words = [], seeds } = target;
  const roll = dice.unit();
  if (roll < 0.06) return spliced(input, dice.pick(seeds), dice);
  if (roll < 0.1) return input.subarray(0, dice.int(0, input.length));
  if (shape === "json" && roll < 0.6) return jsonMutated(input, dice);
  if (shape === "lines" && roll < 0.5) return lineMutated(input, dice);
  if (shape === "bytes" && roll < 0.4) return edgeMutated(input, dice);
  if (shape !== "bytes" && words.length > 0 && roll < 0.85) return wordMutated(input, words, dice);
  return mutated(input, list(dice));
}

const list = (dice: Dice): Mutation[] =>
  Array.from({ length: dice.int(1, 3) }, () => ({
    at: dice.int(0, 1 << 30),
    how: dice.pick(HOWS),
    value: dice.int(0, 255),
  }));

/** The beginning of one and the end of another. */
function spliced(a: Buffer, b: Buffer, dice: Dice): Buffer {
  const [to, from] = [dice.int(0, a.length), dice.int(0, b.length)];
  return Buffer.concat([a.subarray(0, to), b.subarray(from)]);
}

/** An integer of one to eight bytes, or a varint, in the place of what is there. */
function edgeMutated(input: Buffer, dice: Dice): Buffer {
  const b = Buffer.from(input);
  const near = dice.chance(0.6) ? Math.min(b.length, 96) : b.length;
  const at = dice.int(0, Math.max(0, near - 1));
  const value = dice.pick(EDGES) + BigInt(dice.int(-1, 1));
  const width = dice.pick([1, 2, 4, 8]);
  if (dice.chance(0.2)) {
    const varint = varintOf(BigInt.asUintN(64, value));
    return Buffer.concat([b.subarray(0, at), varint, b.subarray(at + 1)]);
  }
  if (at + width > b.length) return b.subarray(0, at);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  const part = bytes.subarray(8 - width);
  if (dice.chance(0.4)) part.reverse();
  part.copy(b, at);
  return b;
}

function varintOf(value: bigint): Buffer {
  const out: number[] = [];
  let left = value;
  while (left > 127n) {
    out.push(Number(left & 127n) | 128);
    left >>= 7n;
  }
  out.push(Number(left));
  return Buffer.from(out);
}

function wordMutated(input: Buffer, words: readonly string[], dice: Dice): Buffer {
  let text = input.toString("latin1");
  for (let n = dice.int(1, 3); n > 0; n -= 1) {
    const [at, take] = [dice.int(0, text.length), dice.chance(0.3) ? 0 : dice.int(0, 12)];
    const word = Buffer.from(dice.pick(words)).toString("latin1");
    text = text.slice(0, at) + word + text.slice(at + take);
  }
  return Buffer.from(text, "latin1");
}

/** A line left out, doubled, moved, or a word of it exchanged for one of another line. */
function lineMutated(input: Buffer, dice: Dice): Buffer {
  const lines = input.toString("latin1").split("\n");
  const [i, j] = [dice.int(0, lines.length - 1), dice.int(0, lines.length - 1)];
  const [one = "", other = ""] = [lines[i], lines[j]];
  const how = dice.int(0, 4);
  if (how === 0) lines.splice(i, 1);
  else if (how === 1) lines.splice(i, 0, ...Array.from({ length: dice.int(1, 5) }, () => other));
  else if (how === 2) [lines[i], lines[j]] = [other, one];
  else if (how === 3) lines[i] = exchanged(one, other, dice);
  else lines[i] = one + other;
  return Buffer.from(lines.join("\n"), "latin1");
}

function exchanged(line: string, other: string, dice: Dice): string {
  const words = line.split(" ");
  words[dice.int(0, words.length - 1)] = dice.pick(other.split(" "));
  return words.join(" ");
}
