import { cli, type Ended } from "./cli-process.ts";

const LINK = "?link,?linkat";
const UNLINK = "?unlink,?unlinkat";
const MOST = 60;

/**
 * Runs a command that is killed before it first gives a file its name, then runs it again, killed before it
 * takes the first away, then the second, and so on, until one comes through. To die before a change is
 * to die after the one before it. `between`: after each that was killed; answers how many were.
 */
export async function killedAtEachChange(
  argv: readonly string[],
  between: () => void,
): Promise<{ readonly killed: number; readonly last: Ended }> {
  for (let nth = 0; nth <= MOST; nth += 1) {
    const last = await killedAt(nth === 0 ? LINK : UNLINK, Math.max(nth, 1), argv);
    if (last.signal !== "SIGKILL") return { killed: nth, last };
    between();
  }
  throw new Error(`killed ${MOST} times and never done`);
}

/** SIGKILL at the entry of the nth such system call. */
function killedAt(calls: string, nth: number, argv: readonly string[]): Promise<Ended> {
  // strace counts by thread: with one thread for files there is one order.
  const env = { UV_THREADPOOL_SIZE: "1" };
  const inject = `inject=${calls}:signal=SIGKILL:when=${nth}`;
  const under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", inject];
  return cli(argv, { env, under });
}
