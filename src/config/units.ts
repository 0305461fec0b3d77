import { z } from "zod";

const BYTES = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
} as const;

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What people write for a unit, in lower case, and the unit that is meant. */
const MEANT: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.keys(BYTES).map((unit) => [unit.toLowerCase(), unit])),
  ...{
    byte: "B",
    bytes: "B",
    k: "KiB",
    m: "MiB",
    g: "GiB",
    t: "TiB",
    ki: "KiB",
    mi: "MiB",
    gi: "GiB",
  },
};
const MEANT_MS: Readonly<Record<string, string>> = {
  ...{ ms: "ms", s: "s", m: "m", h: "h", d: "d", msec: "ms", millis: "ms", milliseconds: "ms" },
  ...{
    sec: "s",
    secs: "s",
    second: "s",
    seconds: "s",
    min: "m",
    mins: "m",
    minute: "m",
    minutes: "m",
  },
  ...{ hr: "h", hrs: "h", hour: "h", hours: "h", day: "d", days: "d" },
};

interface Kind {
  readonly what: string;
  readonly units: Readonly<Record<string, number>>;
  readonly meant: Readonly<Record<string, string>>;
  readonly suffix: string;
  readonly example: string;
  /** Some ways to say a number that came without a unit. */
  readonly propose: (n: number) => string;
}

const SIZE: Kind = {
  what: "a size",
  units: BYTES,
  meant: MEANT,
  suffix: "",
  example: "16MiB",
  propose: (n) => {
    if (n >= BYTES.MiB && n % BYTES.MiB === 0) return `${n / BYTES.MiB}MiB`;
    return n >= 1024 && n % 1024 === 0 ? `${n / 1024}KiB` : `${n}MiB or ${n}B`;
  },
};
const RATE: Kind = {
  ...SIZE,
  what: "a rate",
  suffix: "/s",
  example: "50MiB/s",
  propose: (n) => `${n}MiB/s`,
};
const TIME: Kind = {
  what: "a duration",
  units: MS,
  meant: MEANT_MS,
  suffix: "",
  example: "60s",
  propose: (n) => (n >= 1000 && n % 1000 === 0 ? `${n / 1000}s or ${n}s` : `${n}s or ${n}ms`),
};

const SHAPE = /^(\d{1,15})\s*([A-Za-z]*)((?:\/s)?)$/;

function read(kind: Kind, text: string): number | string {
  const [, digits = "", unit = "", suffix = ""] = SHAPE.exec(text.trim()) ?? [];
  const list = Object.keys(kind.units)
    .map((u) => u + kind.suffix)
    .join(", ");
  const expected = `expected ${kind.what} such as ${kind.example} (${list})`;
  if (digits === "") return `${JSON.stringify(text)}: ${expected}`;
  const number = Number(digits);
  if (unit === "") return `${text} has no unit: write ${kind.propose(number)}`;
  const factor = kind.units[unit];
  const canonical = `${digits}${unit}${kind.suffix}`;
  if (factor !== undefined && text === canonical) {
    const value = number * factor;
    return Number.isSafeInteger(value) ? value : `${text} is too large`;
  }
  const known = factor === undefined ? kind.meant[unit.toLowerCase()] : unit;
  if (known === undefined || (suffix !== "" && kind.suffix === "")) {
    return `${JSON.stringify(text)}: ${expected}`;
  }
  return `${JSON.stringify(text)}: ${expected}; did you mean ${digits}${known}${kind.suffix}?`;
}

function quantity(kind: Kind, min: number, max: number): z.ZodType<number, string> {
  const units = Object.keys(kind.units).join("|");
  const spell = (n: number): string => spellOut(kind, n);
  return z
    .string({
      error: ({ input }) =>
        typeof input === "number"
          ? `${input} has no unit: write ${kind.propose(input)}`
          : undefined,
    })
    .transform((text, context) => {
      const value = read(kind, text);
      if (typeof value === "string")
        context.issues.push({ code: "custom", message: value, input: text });
      else if (value < min || value > max) {
        const message = `${text} is out of bounds: from ${spell(min)} to ${spell(max)}`;
        context.issues.push({ code: "custom", message, input: text });
      }
      return typeof value === "string" ? z.NEVER : value;
    })
    .meta({ pattern: `^[0-9]+(${units})${kind.suffix}$` }) as unknown as z.ZodType<number, string>;
}

function spellOut(kind: Kind, n: number): string {
  const fits = Object.entries(kind.units)
    .filter(([unit, factor]) => n % factor === 0 && !/^[kMG]B$/.test(unit))
    .sort(([, a], [, b]) => b - a)[0];
  return fits === undefined || n === 0 ? `${n}` : `${n / fits[1]}${fits[0]}${kind.suffix}`;
}

/** `16MiB` → bytes. Bounds are inclusive, in bytes. */
export const size = (min: number, max: number): z.ZodType<number, string> =>
  quantity(SIZE, min, max);

/** `50MiB/s` → bytes per second. */
export const rate = (min: number, max: number): z.ZodType<number, string> =>
  quantity(RATE, min, max);

/** `60s` → milliseconds. Bounds are inclusive, in milliseconds. */
export const duration = (min: number, max: number): z.ZodType<number, string> =>
  quantity(TIME, min, max);

/** `16MiB`, `1.5GiB`: for people. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [n, i] = [bytes, 0];
  while (n >= 1024 && i < units.length - 1) [n, i] = [n / 1024, i + 1];
  return `${i === 0 || n % 1 === 0 ? n : n.toFixed(1)}${units[i] ?? ""}`;
}
