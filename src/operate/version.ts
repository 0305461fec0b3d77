import manifest from "../../package.json" with { type: "json" };

export const VERSION: string = manifest.version;

/** What the product calls itself in documents and logs. */
export const TOOL = `bulk-archiver ${VERSION}`;
