/** As many tries as shrinking is worth. */
const MAX_TRIES = 3_000;
const MAX_MS = 10_000;

/** A shorter input that still fails: pieces are left out, then bytes are made zero. */
export async function shrunk(
  input: Buffer,
  fails: (input: Buffer) => Promise<boolean>,
): Promise<Buffer> {
  let least = input;
  let tries = 0;
  const untilMs = performance.now() + MAX_MS;
  const goesOn = (): boolean => tries < MAX_TRIES && performance.now() < untilMs;
  const better = async (other: Buffer): Promise<boolean> => {
    tries += 1;
    if (!goesOn() || !(await fails(other))) return false;
    least = other;
    return true;
  };
  for (let size = least.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= least.length && goesOn();) {
      const without = Buffer.concat([least.subarray(0, at), least.subarray(at + size)]);
      if (!(await better(without))) at += size;
    }
  }
  return least;
}
