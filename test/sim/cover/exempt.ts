/** Waits of the protocol path that a crash cannot be tried at in the simulation, and why. */
export const EXEMPT: readonly {
  readonly file: string;
  readonly text: string;
  readonly why: string;
}[] = [];
