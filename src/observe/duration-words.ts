const NBSP = "\u00a0";
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** `41 s`, `7 min`, `2 h 5 min`, `6 d 23 h`: what a person says, with no-break spaces. */
export function durationWords(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 2 * MINUTE_S) return `${s}${NBSP}s`;
  if (s < HOUR_S) return `${Math.round(s / MINUTE_S)}${NBSP}min`;
  if (s < DAY_S)
    return two(Math.floor(s / HOUR_S), "h", Math.floor((s % HOUR_S) / MINUTE_S), "min");
  return two(Math.floor(s / DAY_S), "d", Math.floor((s % DAY_S) / HOUR_S), "h");
}

const two = (a: number, unit: string, b: number, smaller: string): string =>
  b === 0 ? `${a}${NBSP}${unit}` : `${a}${NBSP}${unit}${NBSP}${b}${NBSP}${smaller}`;

/** `12:04:31`, with the day when that is not today; UTC. */
export function timeWords(atMs: number, nowMs: number): string {
  const at = new Date(atMs).toISOString();
  const time = at.slice(11, 19);
  return at.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10)
    ? time
    : `${at.slice(0, 10)} ${time}`;
}

/** `1 partition`, `12 partitions`. */
export const countWords = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
