import { ArchiverError } from "../core/errors.ts";
import { wholeNumber } from "./arguments.ts";
import type { Command } from "./command.ts";
import { DRY_RUN, giveOrders } from "./orders/give-orders.ts";

export const skipCommand: Command = {
  name: "skip",
  summary: "give up offsets that Kafka cannot give, with a reason that stays in the archive",
  details:
    "For a partition that stands still because a record batch is damaged or because retention took offsets before they were archived. The daemon archives what can still be read, leaves out the rest below --to, and writes a batch without records whose hole carries the reason. Nothing that can be read is left out. A transaction that hangs is ended by Kafka's own kafka-transactions.sh instead.",
  options: [
    { flags: "--topic <name>", text: "of this topic", required: true },
    { flags: "--partition <number>", text: "this partition", required: true, parse: wholeNumber },
    {
      flags: "--to <offset>",
      text: "the first offset to go on with; the alarm names the damaged range",
      required: true,
      parse: offsetOf,
    },
    {
      flags: "--reason <text>",
      text: "why, 1 to 200 ASCII characters",
      required: true,
      parse: why,
    },
    DRY_RUN,
  ],
  examples: [
    'bulk-archiver skip --topic logs --partition 3 --to 4711 --reason "disk of broker 2 was damaged, ticket 815"',
  ],
  schema: "orders.schema.json",
  run: (args, context) => {
    const to = args.value<bigint>("to") ?? 0n;
    const reason = args.text("reason") ?? "";
    return giveOrders(
      {
        command: "skip",
        ends: (r) => r.do === "skip",
        asks: { do: "skip", to, reason },
        stands: false,
        would: (committed) =>
          committed !== null && to <= committed
            ? `refused: offset ${committed} is committed already`
            : `asked to give up what cannot be read of [${committed ?? "-"}, ${to})`,
        otherwise: () => "",
      },
      args,
      context,
    );
  },
};

function offsetOf(text: string): bigint {
  if (/^(0|[1-9]\d{0,18})$/.test(text)) return BigInt(text);
  throw new ArchiverError("usage", `${JSON.stringify(text)} is no offset`);
}

function why(text: string): string {
  if (/^[\x20-\x7e]{1,200}$/.test(text)) return text;
  throw new ArchiverError("usage", "the reason is 1 to 200 printable ASCII characters");
}
