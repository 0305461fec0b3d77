/** As many tries as shrinking is worth. */
const MAX_TRIES = 3_000;

/** A shorter input that still fails: pieces are left out, then bytes are made zero. */
export async function shrunk(
  input: Buffer,
  fails: (input: Buffer) => Promise<boolean>,
): Promise<Buffer> {
  let least = input;
  let tries = 0;
  const better = async (other: Buffer): Promise<boolean> => {
    tries += 1;
    if (tries > MAX_TRIES || !(await fails(other))) return false;
    least = other;
    return true;
  };
  for (let size = least.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= least.length && tries < MAX_TRIES;) {
      const without = Buffer.concat([least.subarray(0, at), least.subarray(at + size)]);
      if (!(await better(without))) at += size;
    }
  }
  return least;
}
