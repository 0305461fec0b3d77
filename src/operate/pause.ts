import { wholeNumber } from "./arguments.ts";
import type { Command, CommandOption } from "./command.ts";
import { DRY_RUN, giveOrders } from "./orders/give-orders.ts";

export const ORDER_OPTIONS: readonly CommandOption[] = [
  { flags: "--topic <name>", text: "of this topic", required: true },
  { flags: "--partition <number>", text: "only this partition", parse: wholeNumber },
  DRY_RUN,
];

export const pauseCommand: Command = {
  name: "pause",
  summary: "leave a topic's partitions alone until `resume`",
  details:
    "The owner delivers what is on its way, commits it and stops; the pause holds for whoever owns the partition next, and through restarts. Kafka keeps what comes meanwhile, for as long as its retention says.",
  options: ORDER_OPTIONS,
  examples: ["bulk-archiver pause --topic logs", "bulk-archiver pause --topic logs --partition 3"],
  schema: "orders.schema.json",
  run: (args, context) =>
    giveOrders(
      {
        command: "pause",
        ends: () => false,
        asks: { do: "pause", ttlMs: null, beat: 0 },
        stands: true,
        otherwise: () => "",
      },
      args,
      context,
    ),
};
