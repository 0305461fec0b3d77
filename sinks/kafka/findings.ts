import { describeConfigs, type ResourceSettings } from "../../src/kafka/requests/configs.ts";
import { createTopic } from "../../src/kafka/requests/create-topics.ts";
import type { Finding } from "../../src/sdk/sink.ts";
import { LEDGER_SETTINGS } from "../../src/kafka/target/topic-settings.ts";
import type { TargetCluster } from "../../src/kafka/target/target-cluster.ts";
import type { Transactions } from "../../src/kafka/target/transactions.ts";

export interface FindingsPorts {
  readonly target: TargetCluster;
  readonly transactions: Transactions;
  readonly ledger: string;
  /** Topics that hold copies, as the ledger says. */
  readonly copied: readonly string[];
  /** Of one record batch before it is compressed. */
  readonly recordBatchBytes: number;
}

const SIZE = "max.message.bytes";
const TIMES = "message.timestamp.type";
const ASKED = ["cleanup.policy", "retention.ms", "retention.bytes", TIMES, SIZE];
const VALIDATE = { timeoutMs: 10_000, validateOnly: true };

/** Does what a write does, in a transaction that is given up, and looks for settings that lose copies. */
export async function findings(p: FindingsPorts, signal: AbortSignal): Promise<readonly Finding[]> {
  const ledger = await p.target.topic(p.ledger, signal);
  if (ledger === undefined) return [await mayCreate(p, signal)];
  await writeAndGiveUp(p, signal);
  const wrote = finding(
    "ok",
    "kafka-writes",
    `a transaction was written to ${p.ledger} and aborted`,
  );
  const copies = ledger.partitions[0]?.replicas.length ?? 0;
  const one = `${p.ledger} has one replica: acknowledged batches are lost with its broker's disk`;
  return [
    wrote,
    ...(copies === 1 ? [finding("warning", "kafka-one-replica", one)] : []),
    ...(await settings(p, signal)),
  ];
}

async function mayCreate(p: FindingsPorts, signal: AbortSignal): Promise<Finding> {
  const wanted = {
    topic: p.ledger,
    partitions: 1,
    replicationFactor: -1,
    settings: LEDGER_SETTINGS,
  };
  const { error } = await p.target.sendToAny(createTopic(wanted, VALIDATE), signal);
  if (error !== undefined) throw error;
  return finding("ok", "kafka-creates", `the ledger ${p.ledger} is not there and can be made`);
}

async function writeAndGiveUp(p: FindingsPorts, signal: AbortSignal): Promise<void> {
  const place = { topic: p.ledger, partition: 0 };
  const probe = { key: Buffer.from("check"), value: null, headers: [], timestamp: 0n };
  await p.transactions.probe(
    `${p.ledger}/check`,
    [place],
    async (producer) => {
      await producer.send(place, [probe], signal);
    },
    signal,
  );
}

async function settings(p: FindingsPorts, signal: AbortSignal): Promise<Finding[]> {
  const topics = [p.ledger, ...p.copied];
  const request = describeConfigs(
    topics.map((name) => ({ type: "topic", name })),
    ASKED,
  );
  const found = await p.target.sendToAny(request, signal);
  return found.flatMap((t) =>
    t.name === p.ledger
      ? ledgerFindings(t)
      : [...copyFindings(t), ...sizeFindings(t, p.recordBatchBytes)],
  );
}

function ledgerFindings({ name, settings: s }: ResourceSettings): Finding[] {
  if (s.get("cleanup.policy") === "compact") return [];
  const text = `${name} has cleanup.policy ${s.get("cleanup.policy")}: the ledger forgets batches`;
  return [finding("error", "kafka-ledger-deletes", text)];
}

function copyFindings({ name, settings: s }: ResourceSettings): Finding[] {
  const out: Finding[] = [];
  const policy = s.get("cleanup.policy") ?? "";
  if (policy.includes("compact"))
    out.push(finding("warning", "kafka-compacts", `${name} is compacted: records go from it`));
  const limits = ["retention.ms", "retention.bytes"].filter((l) => (s.get(l) ?? "-1") !== "-1");
  if (policy.includes("delete") && limits.length > 0) {
    const which = limits.map((l) => `${l}=${s.get(l)}`).join(", ");
    out.push(finding("warning", "kafka-retention", `${name} deletes old records (${which})`));
  }
  if (s.get(TIMES) === "LogAppendTime") {
    const text = `${name} gives records its own time (LogAppendTime): theirs is lost, and verifying fails`;
    out.push(finding("error", "kafka-timestamps", text));
  }
  return out;
}

function sizeFindings({ name, settings: s }: ResourceSettings, bytes: number): Finding[] {
  const most = Number(s.get(SIZE) ?? Number.NaN);
  if (!(most < bytes)) return [];
  const text = `${name} takes record batches of ${most} bytes (${SIZE}), and recordBatchBytes is ${bytes}: what does not get smaller by compression is refused`;
  return [finding("warning", "kafka-batch-size", text)];
}

const finding = (level: Finding["level"], code: string, text: string): Finding => ({
  level,
  code,
  text,
});
