import { parse, stringify } from "../../src/core/json.ts";
import type { Dice } from "../sim/core/random.ts";

/** Keys that every object seems to have, and one that sets what it inherits from. */
export const INHERITED = [
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "then"],
  ...["toJSON", "length"],
];
const PATHS = ["../../etc/passwd", "/etc/passwd", "..", ".", "a/../../b", "..\\b", "", "a\u0000b"];
const NUMBERS = [0, -1, 1, 2 ** 31, 2 ** 53, -(2 ** 53), 1e300, 0.5, 10n ** 19n, 10n ** 40n];

type Place = { readonly of: Record<string, unknown>; readonly key: string };

/** Keeps it JSON: a value exchanged, a key taken away, added, renamed or given twice. */
export function jsonMutated(input: Buffer, dice: Dice): Buffer {
  let root: unknown;
  try {
    root = parse(input.toString("utf8"));
  } catch {
    // Mutated before, and no JSON any more.
    return input;
  }
  const places = placesIn({ of: { root } as Record<string, unknown>, key: "root" });
  const { of, key } = dice.pick(places);
  const holder = places[0] as Place;
  const how = dice.int(0, 6);
  if (how === 0 && of !== holder.of) delete of[key];
  else if (how === 1) of[key] = valueOf(dice, 0);
  else if (how === 2) of[key] = copyOf(dice.pick(places));
  else if (how === 3 && isObject(of[key])) define(of[key], dice);
  else if (how === 4 && Array.isArray(of[key])) repeat(of[key], dice);
  else if (how === 5) return doubled(holder.of["root"], of, key, dice);
  else of[key] = near(of[key], dice);
  return Buffer.from(text(holder.of["root"]));
}

/** Without its depths: what is put into itself has no end. */
const copyOf = ({ of, key }: Place): unknown => parse(text(of[key] ?? null));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const text = (value: unknown): string => stringify(value) ?? "null";

function placesIn(first: Place): Place[] {
  const found = [first];
  for (let i = 0; i < found.length && found.length < 4_000; i += 1) {
    const { of, key } = found[i] as Place;
    const value = of[key];
    if (isObject(value)) found.push(...Object.keys(value).map((k) => ({ of: value, key: k })));
  }
  return found;
}

function valueOf(dice: Dice, depth: number): unknown {
  const how = dice.int(0, depth > 3 ? 5 : 8);
  if (how === 0) return null;
  if (how === 1) return dice.chance(0.5);
  if (how === 2) return dice.pick(NUMBERS);
  if (how === 3) return dice.pick(INHERITED);
  if (how === 4) return dice.pick(PATHS);
  if (how === 5) return "x".repeat(dice.pick([0, 1, 64, 5_000]));
  if (how === 6) return Array.from({ length: dice.int(0, 3) }, () => valueOf(dice, depth + 1));
  const made: Record<string, unknown> = {};
  define(made, dice, depth + 1);
  return made;
}

/** As JSON.parse would: `__proto__` as a key of its own. */
function define(value: object, dice: Dice, depth = 0): void {
  const made = valueOf(dice, depth + 1);
  const how = { value: made, enumerable: true, configurable: true, writable: true };
  if (Array.isArray(value)) value.push(made);
  else Object.defineProperty(value, dice.pick(INHERITED), how);
}

function repeat(value: unknown[], dice: Dice): void {
  const item = value.length === 0 ? null : dice.pick(value);
  for (let n = dice.pick([1, 2, 50]); n > 0; n -= 1) value.push(item);
}

/** The key a second time: readers differ in which of the two they take. */
function doubled(root: unknown, of: Record<string, unknown>, key: string, dice: Dice): Buffer {
  const whole = text(root);
  const pair = `${JSON.stringify(key)}:${text(of[key])}`;
  const at = whole.indexOf(pair);
  if (at < 0) return Buffer.from(whole);
  const other = `${JSON.stringify(key)}:${text(valueOf(dice, 2))},`;
  return Buffer.from(whole.slice(0, at) + other + whole.slice(at));
}

/** A value like the one that is there. */
function near(value: unknown, dice: Dice): unknown {
  if (typeof value === "number") return value + dice.pick([-1, 1, 0.5, 1e9]);
  if (typeof value === "bigint") return value + dice.pick([-1n, 1n, 1n << 40n]);
  if (typeof value === "boolean") return !value;
  if (typeof value !== "string") return valueOf(dice, 1);
  const at = dice.int(0, value.length);
  const put = dice.pick(["", "0", "/", "../", "\u0000", "é", "-", "A", " ", ...INHERITED]);
  return value.slice(0, at) + put + value.slice(at + dice.int(0, 2));
}
