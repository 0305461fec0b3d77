import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Random } from "../core/ports.ts";

/** The real clock. */
export const nodeClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // The contract is the signal's own reason, not node's wrapping of it.
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
};

/** The real randomness. */
export const nodeRandom: Random = {
  bytes: (n) => randomBytes(n),
  unit: () => Math.random(),
};
