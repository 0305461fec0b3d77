import { expect, test } from "vitest";
import { parse, stringify } from "../../src/core/json.ts";

/** Integers of 64 bits survive JSON, and what needs no such care is read and written as by Node itself. */
test("an integer that a double cannot hold comes back as a bigint, any other number as a number", () => {
  const text =
    '{"a":9007199254740991,"b":9007199254740993,"c":-9223372036854775808,"d":1234567890123456,' +
    '"e":12345678901234567.5,"f":1e300,"g":"12345678901234567890","h":[18446744073709551615]}';
  expect(parse(text)).toEqual({
    ...{ a: 9_007_199_254_740_991, b: 9_007_199_254_740_993n, c: -9_223_372_036_854_775_808n },
    ...{ d: 1_234_567_890_123_456, e: 12_345_678_901_234_568, f: 1e300 },
    ...{ g: "12345678901234567890", h: [18_446_744_073_709_551_615n] },
  });
});

test("short numbers take the short way, with the same result", () => {
  const text = '{"a":[1,-2.5,1e300,null,true],"__proto__":{"x":1},"a2":"\\u0000"}';
  expect(parse(text)).toEqual(JSON.parse(text));
  expect(Object.hasOwn(parse(text) as object, "__proto__")).toBe(true);
  expect(({} as { x?: number }).x).toBeUndefined();
});

test("bigints are written as integers, wherever they stand; what has none is written as by Node", () => {
  expect(stringify({ a: 9_007_199_254_740_993n, b: [-1n, { c: 0n }], d: "1n" })).toBe(
    '{"a":9007199254740993,"b":[-1,{"c":0}],"d":"1n"}',
  );
  expect(stringify({ a: 1n }, 2)).toBe('{\n  "a": 1\n}');
  const plain = { a: [1, "x", null, undefined], b: undefined, c: { d: new Date(0) } };
  expect(stringify(plain, 1)).toBe(JSON.stringify(plain, undefined, 1));
});

test("a circle is an error", () => {
  const circle: { self?: unknown; n: bigint } = { n: 1n };
  circle.self = circle;
  expect(() => stringify(circle)).toThrow(TypeError);
});

test("what is no JSON is a SyntaxError, with long integers in it or not", () => {
  expect(() => parse("{")).toThrow(SyntaxError);
  expect(() => parse('{"a":12345678901234567890')).toThrow(SyntaxError);
});
