interface Exempt {
  readonly file: string;
  /** Part of the line. */
  readonly text: string;
  readonly why: string;
}

const AT_HAND = "what it waits for is at hand: no time passes in the simulation";
const PRUNED = "an archive whose beginning was pruned: an operator's command made it";
const DRAINS = "a simulated daemon never drains: test/faults/failpoints.test.ts ends it by SIGTERM";
const ASKED =
  "what operators ask of a running daemon: test/integration/orders.test.ts kills it there";
const PLAIN =
  "sinks of records get plain ones here: test/sinks/all/all-six.test.ts has encrypted ones";
const ELECTED = "an epoch that left nothing in the log; it asks and changes nothing";
const MOVED =
  "what a run of an earlier version moved away: test/sinks/rewrap-misread.test.ts and the walker";
const OTHER_NAME = "a second file of one start, under another name: the walker's sinks have one";
const KIT = "nobody removes a batch whole but the kit for sinks and the walker";
const LEADERS = "the simulated catalogue always knows a leader; it asks and changes nothing";
const AMENDED = "a batch that was rewrapped: an operator's command made it";
const BESIDE = "`backfill: auto` for a sink that was added or restored: tested with files";
const SWEPT = "leftovers are swept when they are an hour old: tested with files";
const LOCK =
  "an operator's command while the coordinator moves, or as another one joins: a race of some requests";
const DAMAGED = "what is there is not as it was written: an operator has to look";

/** Waits of the protocol path that a crash cannot be tried at in the simulation, and why. */
export const EXEMPT: readonly Exempt[] = [
  { file: "src/pipeline/task.ts", text: "await Promise.resolve()", why: AT_HAND },
  { file: "sinks/blob/rewrap.ts", text: "await make(bytes)", why: AT_HAND },
  { file: "sinks/blob/set-aside.ts", text: "await store.expire?.(", why: AT_HAND },
  { file: "sinks/blob/rewrap.ts", text: "await asideOf(", why: MOVED },
  { file: "sinks/blob/rewrap.ts", text: "await asides(store, path", why: MOVED },
  { file: "sinks/blob/rewrap.ts", text: "const bytes = await oldFile(", why: MOVED },
  { file: "sinks/blob/mend.ts", text: "await store.create(path, { bytes", why: OTHER_NAME },
  { file: "sinks/blob/mend.ts", text: "await store.move(other.path", why: OTHER_NAME },
  { file: "sinks/blob/set-aside.ts", text: "await seenFiles(", why: KIT },
  { file: "sinks/blob/set-aside.ts", text: "await store.remove(file.path", why: KIT },
  { file: "src/deliver/limit.ts", text: "await items.return?.()", why: AT_HAND },
  { file: "src/deliver/deadline.ts", text: "await items.return?.()", why: AT_HAND },
  { file: "sinks/blob/blob-listing.ts", text: ".return(undefined)", why: AT_HAND },
  { file: "sinks/blob/blob-listing.ts", text: "= await data.next();", why: AT_HAND },
  { file: "sinks/blob/blob-listing.ts", text: "= await manifests.next();", why: AT_HAND },
  { file: "src/pipeline/take.ts", text: "amend", why: AMENDED },
  { file: "src/deliver/discreet.ts", text: "quiet.check(", why: "`check` only" },
  { file: "src/pipeline/ask-head.ts", text: "lacksLowerBranches(", why: BESIDE },
  { file: "src/pipeline/lower-branches.ts", text: "if ((await lackingOf(", why: BESIDE },
  { file: "src/pipeline/copy-next.ts", text: "isSameAmended(", why: AMENDED },
  { file: "src/pipeline/catch-up.ts", text: "HELD_MS", why: "an operator holds the sink away" },
  { file: "src/pipeline/deliver-batch.ts", text: "mend", why: AMENDED },
  { file: "src/pipeline/first-manifest.ts", text: "expiredAt(", why: PRUNED },
  { file: "src/pipeline/first-manifest.ts", text: "named.sink.floor(", why: PRUNED },
  { file: "src/pipeline/first-manifest.ts", text: "listedFrom(ports, named, middle", why: PRUNED },
  { file: "src/pipeline/first-manifest.ts", text: "listedFrom(ports, named, kept", why: PRUNED },
  { file: "src/pipeline/first-manifest.ts", text: "await sink.floor(", why: PRUNED },
  { file: "sinks/blob/blob-sink.ts", text: "findings?.(", why: "`check` only" },
  { file: "sinks/blob/blob-sink.ts", text: "await probe(", why: "`check` only" },
  { file: "sinks/blob/blob-sink.ts", text: "formsOf(", why: AMENDED },
  { file: "sinks/blob/blob-sink.ts", text: "#isAmended(", why: AMENDED },
  { file: "sinks/blob/look.ts", text: "formsOf(", why: AMENDED },
  { file: "sinks/blob/look.ts", text: "dataProblem(store, data, form", why: AMENDED },
  { file: "sinks/blob/look.ts", text: "const [data] = await findData(", why: DAMAGED },
  { file: "sinks/blob/look.ts", text: "dataProblem(store, data, described", why: AT_HAND },
  {
    file: "src/pipeline/catch-up.ts",
    text: "await rest(clock, most",
    why: "the sink's own retries wait for everything but a listing that contradicts itself",
  },
  // A description goes only when its manifest is there, so it takes a race of three to come here.
  { file: "sinks/blob/look.ts", text: "const late = await readManifest(", why: "a race of three" },
  { file: "sinks/blob/blob-sink.ts", text: "head(description.seal.path", why: SWEPT },
  { file: "sinks/blob/blob-sink.ts", text: "head(manifestPath(description)", why: SWEPT },
  { file: "src/daemon/archiver.ts", text: "await Promise.all(loops)", why: DRAINS },
  { file: "src/daemon/archiver.ts", text: "await clock.sleep(20)", why: DRAINS },
  { file: "src/daemon/archiver.ts", text: "this.member.stop()", why: DRAINS },
  { file: "src/kafka/member.ts", text: "await watched;", why: DRAINS },
  { file: "src/kafka/member.ts", text: 'request, timeout, "offsets")', why: DRAINS },
  { file: "src/daemon/operator-desk.ts", text: "this.#perform(signal)", why: ASKED },
  { file: "src/daemon/operator-desk.ts", text: "this.#answer(signal)", why: ASKED },
  { file: "src/daemon/operator-desk.ts", text: "this.#resume()", why: ASKED },
  { file: "src/daemon/operator-desk.ts", text: "this.#p.begin(lease)", why: ASKED },
  { file: "src/daemon/operator-desk.ts", text: "this.#p.perform(", why: ASKED },
  { file: "src/daemon/operator-desk.ts", text: "client.sendToCoordinator(to", why: ASKED },
  { file: "src/daemon/operator-perform.ts", text: "await inside(", why: ASKED },
  { file: "src/daemon/operator-perform.ts", text: "await begin()", why: ASKED },
  { file: "src/daemon/log-port.ts", text: '"latest", signal)', why: ASKED },
  { file: "src/daemon/log-port.ts", text: "maxBytes: PEEK_BYTES", why: ASKED },
  { file: "src/kafka/sole-member.ts", text: 'if (code === "REBALANCE_IN_PROGRESS")', why: LOCK },
  { file: "src/kafka/sole-member.ts", text: "PAUSE_MS / 4", why: LOCK },
  { file: "src/kafka/sole-member.ts", text: "await member.#leave()", why: LOCK },
  { file: "src/kafka/sole-member.ts", text: "sleep(PAUSE_MS, signal)", why: LOCK },
  { file: "src/kafka/sole-member.ts", text: "await this.#beating", why: LOCK },
  { file: "src/daemon/open-sinks.ts", text: "s.plugin.open(", why: AT_HAND },
  { file: "src/daemon/range.ts", text: "await Promise.resolve()", why: AT_HAND },
  { file: "src/daemon/range.ts", text: "await built", why: AT_HAND },
  { file: "src/daemon/record-port.ts", text: "readRecords(description", why: AT_HAND },
  { file: "src/daemon/record-port.ts", text: "await sameRange(", why: PLAIN },
  { file: "src/daemon/record-port.ts", text: "otherContent(", why: PLAIN },
  { file: "src/daemon/record-port.ts", text: "const cut = await readRange(", why: PLAIN },
  { file: "src/daemon/begin-branch.ts", text: "await primary.floor(", why: ELECTED },
  { file: "src/kafka/leaders.ts", text: "await this.#led(", why: AT_HAND },
  { file: "src/kafka/leaders.ts", text: "await this.refresh(signal);", why: LEADERS },
  { file: "sinks/blob/look.ts", text: "await damaged(", why: DAMAGED },
  { file: "sinks/blob/blob-sink.ts", text: "look(this.#store, manifest", why: DAMAGED },
];
