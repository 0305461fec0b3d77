/** What docs/guarantees.md promises, by its headings; each case of the matrix says which of them it shows. */
export const PROMISES = {
  "none-lost": "None lost",
  "none-twice": "None twice",
  "same-bytes": "The same bytes in every sink",
  "as-in-kafka": "What is archived is what was in Kafka",
  "damage-found": "Anyone can check it, and damage is found",
  "foreign-tools": "Files open without this program",
  "damage-is-an-error": "What is damaged is an error",
  "cannot-read": "The daemon cannot read its own archive",
  "never-destroys": "`run` never destroys",
  waits: "It waits rather than guesses",
  "away-holds-nothing-up": "A sink that is away holds nothing up, where it may be away",
  "stays-archived": "What Kafka loses stays archived",
} as const;

export type Promised = keyof typeof PROMISES;

/**
 * What the auditor's verdict on all sinks of a case shows: every record of the topic once and equal, opened
 * by foreign tools, and files and manifests that are equal everywhere.
 */
export const AUDITED = [
  "none-lost",
  "none-twice",
  "same-bytes",
  "as-in-kafka",
  "foreign-tools",
] as const satisfies readonly Promised[];
