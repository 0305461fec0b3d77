import { z } from "zod";

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time with its unit, such as `24h`, for a sink's schema; the value is in milliseconds. */
export const durationMs = z
  .string()
  .regex(/^[1-9]\d{0,8}(ms|s|m|h|d)$/, "expected a duration such as 24h (ms, s, m, h, d)")
  .transform((text) => {
    const unit = /[a-z]+$/.exec(text)?.[0] as keyof typeof UNIT_MS;
    return Number.parseInt(text, 10) * UNIT_MS[unit];
  });
