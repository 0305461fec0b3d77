import { assert } from "../core/assert.ts";
import { ArchiverError } from "../core/errors.ts";
import { type Bound, type BoundRange, isTurned, parseBound } from "./offset-bound.ts";

/** The options of one call, by their long name in camel case, as commander gives them. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    return this.#typed(name, (v): v is string => typeof v === "string");
  }

  /** Of an option with `repeat`; empty when it was not given. */
  texts(name: string): readonly string[] {
    return this.#typed(name, (v): v is readonly string[] => Array.isArray(v)) ?? [];
  }

  /** Of an option with `parse: wholeNumber`. */
  number(name: string): number | undefined {
    return this.#typed(name, (v): v is number => typeof v === "number");
  }

  /** `--from`, `--to`: offsets or times, of which the first is not behind the second. @throws ArchiverError usage */
  range(): BoundRange {
    const bound = (name: string): Bound | undefined => {
      const text = this.text(name);
      return text === undefined ? undefined : parseBound(`--${name}`, text);
    };
    const range = { from: bound("from"), to: bound("to") };
    if (isTurned(range)) {
      const text = `--from ${this.text("from")} is behind --to ${this.text("to")}`;
      throw new ArchiverError("usage", text);
    }
    return range;
  }

  /** What an option's own `parse` made. */
  value<T>(name: string): T | undefined {
    return this.#values[name] as T | undefined;
  }

  #typed<T>(name: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.#values[name];
    if (value === undefined) return undefined;
    assert(is(value), `option ${name} has the kind that the command asks for`);
    return value;
  }
}

/** For `parse`: 0, 1, 2, …  @throws ArchiverError usage */
export function wholeNumber(text: string): number {
  if (/^(0|[1-9]\d{0,9})$/.test(text)) return Number(text);
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no whole number`);
}

/** Options that several commands share. */
export const SCOPE_OPTIONS = [
  { flags: "--topic <name>", text: "only this topic" },
  { flags: "--partition <number>", text: "only this partition", parse: wholeNumber },
  { flags: "--topic-id <id>", text: "of a topic that was created again: which one" },
  {
    flags: "--branch <number>",
    text: "of a log that was cut short: which branch",
    parse: wholeNumber,
  },
] as const;

export const RANGE_OPTIONS = [
  { flags: "--from <offset|time>", text: "from this offset, or RFC 3339 time, on" },
  { flags: "--to <offset|time>", text: "up to this offset or time, which is not included" },
] as const;
