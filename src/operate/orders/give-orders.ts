import type { PipelineConfig } from "../../config/config.ts";
import { ArchiverError } from "../../core/errors.ts";
import type { OperatorRequest } from "../../core/operator-requests.ts";
import type { TopicPartition } from "../../kafka/requests/offsets.ts";
import type { Arguments } from "../arguments.ts";
import type { CommandContext, CommandOption } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { KafkaView, keyOf, type PipelineView } from "../kafka-view.ts";
import { type Asked, Operator } from "../repair/operator.ts";
import { pipelineOf } from "../repair/context.ts";
import { table } from "../table.ts";
import type { Ordered, OrdersReport } from "./orders-report.ts";

/** What one command wants of each partition. */
export interface Order {
  readonly command: string;
  /** Before anything is asked. @throws ArchiverError usage */
  check?(pipeline: PipelineConfig): void;
  /** Of what is asked of the partition by now, this is over. */
  readonly ends: (request: OperatorRequest) => boolean;
  /** Null: only what `ends` says. A request that says the same stays as it is. */
  readonly asks: Asked | null;
  /** The request stays after it was answered. */
  readonly stands: boolean;
  /** In words, where nobody is asked: of how many requests it put an end to. */
  readonly otherwise: (ended: number) => string;
  /** In words, with --dry-run. */
  readonly would?: (committed: bigint | null) => string;
}

export const DRY_RUN: CommandOption = {
  flags: "--dry-run",
  text: "say of which partitions it would be asked, ask nothing",
};

/** Operators' commands wait for each other for so long. */
const WAIT_MS = 30_000;

/** Asks the owners of the partitions in scope, one after another, and prints what they answered. */
export async function giveOrders(
  order: Order,
  args: Arguments,
  context: CommandContext,
): Promise<ExitCode> {
  const { out, signal, clock, random } = context;
  const config = await context.config();
  const topic = args.text("topic") ?? "";
  const pipeline = pipelineOf(config, topic);
  order.check?.(pipeline);
  const kafka = await KafkaView.open(config, context);
  try {
    const view = await kafka.pipeline(pipeline);
    const partitions = inScope(view, topic, args.number("partition"));
    const committed = await view.committed();
    const { group } = pipeline;
    const committedAt = (at: TopicPartition): bigint | null =>
      committed.get(keyOf(at))?.offset ?? null;
    if (args.flag("dryRun")) {
      const answers = partitions.map((at): Ordered => {
        const text = order.would?.(committedAt(at)) ?? `asked to ${order.command}`;
        return { ...at, is: "would-be", text, committed: committedAt(at) };
      });
      return await told(order, { group, answers }, context);
    }
    const note = (text: string): void => out.note(text);
    const about = { client: kafka.client, group, command: order.command, waitMs: WAIT_MS };
    const operator = await Operator.open({ ...about, clock, random, note }, signal);
    const answers: Ordered[] = [];
    try {
      const asked: Waiting[] = [];
      for (const at of partitions) asked.push(await ask(operator, order, at, signal));
      for (const waiting of asked) {
        const { at } = waiting;
        const answer = await answered(operator, order, waiting, signal);
        answers.push({ ...at, ...answer, committed: committedAt(at) });
      }
    } finally {
      await operator.close();
    }
    return await told(order, { group, answers }, context);
  } finally {
    await kafka.close();
  }
}

async function told(
  { command }: Order,
  { group, answers }: { readonly group: string; readonly answers: readonly Ordered[] },
  { out, tool }: CommandContext,
): Promise<ExitCode> {
  const ok = answers.every((a) => a.is !== "refused");
  const report: OrdersReport = { ok, tool, command, group, partitions: [...answers] };
  await (out.json ? out.document(report) : out.text(lines(answers)));
  return ok ? EXIT.done : EXIT.usage;
}

function inScope(
  view: PipelineView,
  topic: string,
  partition: number | undefined,
): readonly TopicPartition[] {
  const found = view.partitions.filter(
    (p) => p.topic === topic && (partition === undefined || p.partition === partition),
  );
  if (found.length > 0) return found;
  const which = partition === undefined ? topic : `${topic}/${partition}`;
  throw new ArchiverError("nothing-in-scope", `Kafka has no ${which} now`);
}

interface Waiting {
  readonly at: TopicPartition;
  /** Of the request that is waited for; null: there is none. */
  readonly id: string | null;
  /** How many requests the order put an end to. */
  readonly ended: number;
}

async function ask(
  operator: Operator,
  order: Order,
  at: TopicPartition,
  signal: AbortSignal,
): Promise<Waiting> {
  const standing = operator.requests(at);
  const same = standing.find((r) => order.asks !== null && says(r, order.asks));
  if (same !== undefined) return { at, id: same.id, ended: 0 };
  const over = standing.filter(order.ends);
  for (const r of over) await operator.withdraw(at, r.id, signal);
  const id = order.asks === null ? null : await operator.ask(at, order.asks, signal);
  return { at, id, ended: over.length };
}

/** The same, whoever asked. */
const says = (request: OperatorRequest, asked: Asked): boolean =>
  Object.entries(asked).every(([key, value]) => request[key as keyof OperatorRequest] === value);

async function answered(
  operator: Operator,
  order: Order,
  { at, id, ended }: Waiting,
  signal: AbortSignal,
): Promise<Pick<Ordered, "is" | "text">> {
  if (id === null) return { is: "done", text: order.otherwise(ended) };
  const answer = await operator.answer(at, id, signal);
  if (answer === null) {
    const stays = order.stands || order.asks?.do === "skip";
    if (!stays) await operator.withdraw(at, id, signal);
    return stays
      ? { is: "waits", text: "no daemon owns the partition now: the next one that does is asked" }
      : { is: "done", text: order.otherwise(ended) };
  }
  if (!order.stands || answer.is === "refused") await operator.withdraw(at, id, signal);
  return { is: answer.is === "refused" ? "refused" : "done", text: answer.text };
}

const lines = (answers: readonly Ordered[]): string[] =>
  table(
    ["PARTITION", "COMMITTED", "", ""],
    answers.map((a) => [keyOf(a), String(a.committed ?? "-"), a.is, a.text]),
    new Set(["COMMITTED"]),
  );
