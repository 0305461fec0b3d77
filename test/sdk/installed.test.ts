import { afterAll, beforeAll, describe } from "vitest";
import { daemonTests } from "./daemon-tests.ts";
import { Installed } from "./installation.ts";
import { kitTests } from "./kit-tests.ts";
import { packageTests } from "./package-tests.ts";

/** The package as users have it: from npm's tarball, without the checkout. Installed once for all. */
const installed = new Installed();
/** Programs are started that start programs; beside other tests that takes its time. */
const SLOW = { timeout: 180_000 };
beforeAll(() => installed.make(), 240_000);
afterAll(() => installed.remove(), 60_000);

describe("the package", SLOW, () => packageTests(installed));
describe("the kit", SLOW, () => kitTests(installed));
describe("the plugin in a daemon", SLOW, () => daemonTests(installed));
