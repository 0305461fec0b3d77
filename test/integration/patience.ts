import { vi } from "vitest";

/**
 * These tests start programs by the dozen: on a machine that does other work they take several times
 * as long. What has to be fast is asserted where it matters.
 */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
