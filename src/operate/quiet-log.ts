import type { Log } from "../kafka/client/options.ts";

const nothing = (): void => undefined;

/** For commands: what fails is raised, and what goes on behind it interests nobody. */
export const quietLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
