import type { Life } from "./life.ts";
import type { World } from "./world.ts";

/** A command in its place, which can be put back to where it has not been run yet. */
export interface Scene {
  /** Everything is as before the command; what it will be called with may be new. */
  reset(): Promise<void>;
  /** Once through, as its user calls it. */
  run(life: Life): Promise<Ran>;
  /** The command line of `run`, where it is one. */
  argv?(): readonly string[];
  /** What a run's end means, where a refusal is an end as well. */
  ended?(ran: Ran): Ran;
  /** What Kafka does when it has heard nothing of the dead for some seconds. */
  mourn?(): Promise<void>;
  /**
   * After a run that came to its end with 0: what is wrong. The first time, undisturbed, by whoever shares
   * nothing with the product; later also everything that is not as it was then.
   */
  judge(): Promise<readonly string[]>;
  close?(): Promise<void>;
}

export const DIED = -1;

export interface Ran {
  /** Of its exit, or DIED. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Scenario {
  readonly name: string;
  open(world: World): Promise<Scene>;
}
