import { readFileSync } from "node:fs";

/**
 * For `node --import`: the wall clock of this process is ahead by as many milliseconds as the file says
 * that CLOCK_AHEAD_FILE names, and follows it. The monotonic clock stays, as when somebody sets the clock.
 */
const file = process.env["CLOCK_AHEAD_FILE"] ?? "";
const RealDate = Date;
let aheadMs = 0;

function look(): void {
  aheadMs = Number(readFileSync(file, "utf8"));
}

const now = (): number => RealDate.now() + aheadMs;

look();
setInterval(look, 100).unref();
globalThis.Date = new Proxy(RealDate, {
  construct: (date, args) => Reflect.construct(date, args.length === 0 ? [now()] : args) as Date,
  get: (date, name) => (name === "now" ? now : (Reflect.get(date, name) as unknown)),
});
