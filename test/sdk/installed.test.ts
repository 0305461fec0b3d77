import { afterAll, beforeAll, describe } from "vitest";
import { daemonTests } from "./daemon-tests.ts";
import { Installed } from "./installation.ts";
import { kitTests } from "./kit-tests.ts";
import { packageTests } from "./package-tests.ts";

/** The package as users have it: from npm's tarball, without the checkout. Installed once for all. */
const installed = new Installed();
beforeAll(() => installed.make(), 240_000);
afterAll(() => installed.remove(), 60_000);

describe("the package", () => packageTests(installed));
describe("the kit", () => kitTests(installed));
describe("the plugin in a daemon", () => daemonTests(installed));
