import type { Mutant } from "./mutant.ts";

const REWRAPPED = { case: "an archive is rewrapped by a process that dies" };
const EXPIRES = { case: "data expires by a process that dies" };

/** What operators' commands do, and what the daemon makes of it. */
export const OPERATORS: readonly Mutant[] = [
  {
    name: "a file gets another header before every sink has its amendment",
    file: "src/operate/repair/rewrap-scope.ts",
    find: "for (const { name, sink } of sinks) {",
    put: "for (const { name, sink } of sinks.slice(0, 1)) {",
    by: REWRAPPED,
  },
  {
    name: "a rewrap forgets what a run before it left half done",
    file: "src/operate/repair/rewrap-scope.ts",
    find: "amendments.length > 0 && (await this.#files(m, amendments, held));",
    put: "false;",
    by: REWRAPPED,
  },
  {
    name: "the new file is created where a late request for the old one finds it",
    file: "sinks/blob/rewrap.ts",
    find: "if (head !== undefined && store.replace !== undefined) {",
    put: "if (head !== undefined && store.move === undefined) {",
    by: { case: "a request of a rewrap arrives after" },
  },
  {
    name: "the old file goes before the one with the other header is there",
    file: "sinks/blob/rewrap.ts",
    find: "  await store.create(path, { bytes: made, digest }, signal);\n",
    put: "  await dropOld(store, path, before, signal);\n  await store.create(path, { bytes: made, digest }, signal);\n",
    by: REWRAPPED,
  },
  {
    name: "the old file stays where its recipients can open it",
    file: "sinks/blob/rewrap.ts",
    find: '  await dropOld(store, path, before, signal, moved);\n  return "replaced";',
    put: '  return "replaced";',
    by: REWRAPPED,
  },
  {
    name: "a batch with another header is another batch",
    file: "src/pipeline/deliver-batch.ts",
    find: 'return same ? { of: "published", slot, sink } : conflict(named, batch, state);',
    put: "return conflict(named, batch, state);",
    by: { case: "an archive is rewrapped while a sink has a batch without its manifest" },
  },
  {
    name: "data goes before anybody has said so",
    file: "src/operate/prune/prune-sink.ts",
    find: "    await record(o, found, signal);\n",
    put: "",
    by: EXPIRES,
  },
  {
    name: "the newest batch of a partition expires as well",
    file: "src/operate/prune/find-old.ts",
    find: "start < last.start;",
    put: "start <= last.start;",
    by: EXPIRES,
  },
  {
    name: "a batch that was begun from what the log lost is waited for",
    file: "src/daemon/begin-branch.ts",
    find: "from < end || (await isOfLost(ports, old, end, signal));",
    put: "from < end;",
    by: { case: "the log loses records of a batch that the primary has" },
  },
  {
    name: "a plan is followed beyond the log's end",
    file: "src/pipeline/locate.ts",
    find: "(await isCutOff(ports, decoded.plans, signal)) ? [] : decoded.plans;",
    put: "decoded.plans;",
    by: { case: "the log loses records that are planned" },
  },
  {
    name: "data goes that a sink which is away still lacks",
    file: "src/operate/prune.ts",
    find: "const upTo = [behind ?? END_OF_TIME, every].reduce(",
    put: "const upTo = [all].reduce(",
    by: { case: "data is old enough to go while a sink" },
  },
  {
    name: "data goes that a sink which was restored lacks",
    file: "src/operate/prune.ts",
    find: "[behind ?? END_OF_TIME, every]",
    put: "[behind ?? END_OF_TIME]",
    by: { case: "data is old enough to go when sink" },
  },
  {
    name: "a restored primary gets another manifest for a file that was rewrapped",
    file: "src/pipeline/deliver-batch.ts",
    find: "return from === undefined || from === primary ? [primary] : [primary, from];",
    put: "return from === undefined ? [primary] : [primary];",
    by: { case: "a primary is restored to what it was before a batch that was rewrapped" },
  },
  {
    name: "the amendments that a restored primary has are all there are",
    file: "src/operate/repair/rewrap-scope.ts",
    find: "if (amendments.length > most.length) most = amendments;",
    put: "if (named === this.#o.sinks[0]) most = amendments;",
    by: { case: "a primary is restored to what it was before a rewrap, and others" },
  },
  {
    name: "a file that is made of records is taken as it comes",
    file: "src/daemon/file-of-records.ts",
    find: "if (made.description.seal.digest === seal.digest) ",
    put: "",
    by: { case: "a file of lines is made from the records of the only sink" },
  },
  {
    name: "nobody is told what a sink lacks of a topic that is no more",
    file: "src/daemon/partitions.ts",
    find: 'if (i === 0 || from === undefined) return "";',
    put: 'if (behind.length > 0) return "";',
    by: { case: "what sinks lack of a topic that is made again" },
  },
  {
    name: "data that has expired is taken for damage",
    file: "src/pipeline/copy-next.ts",
    find: "if (!gone || ",
    put: "if (gone || ",
    by: { case: "a rule of the primary's store removes data" },
  },
];
