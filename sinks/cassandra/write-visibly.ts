import { SinkError } from "../../src/sdk/sink-error.ts";

const MINUTE_US = 60_000_000;
/** How far ahead of the clock something is written, when what was written does not show. */
const AHEAD_US = [0, MINUTE_US, 60 * MINUTE_US, 24 * 60 * MINUTE_US] as const;

/**
 * A deletion hides every write with an earlier timestamp, also one that comes later by another
 * clock. So what was written is read back, and what does not show is written again with a later
 * timestamp than the clock's.
 */
export async function writeVisibly(
  what: string,
  write: (timestampUs: number) => Promise<unknown>,
  shows: () => Promise<boolean>,
): Promise<void> {
  for (const aheadUs of AHEAD_US) {
    await write(Date.now() * 1000 + aheadUs);
    if (await shows()) return;
  }
  const text = `${what} is hidden by a deletion or a write of later than tomorrow`;
  throw new SinkError("sink-transient", `${text}; check the clocks of the nodes`);
}
