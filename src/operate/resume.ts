import type { Command } from "./command.ts";
import { giveOrders } from "./orders/give-orders.ts";
import { ORDER_OPTIONS } from "./pause.ts";

export const resumeCommand: Command = {
  name: "resume",
  summary: "take a `pause` back",
  details: "The owner begins again within seconds, where the partition was.",
  options: ORDER_OPTIONS,
  examples: ["bulk-archiver resume --topic logs"],
  schema: "orders.schema.json",
  run: (args, context) =>
    giveOrders(
      {
        command: "resume",
        ends: (r) => r.do === "pause",
        asks: null,
        stands: false,
        otherwise: (ended) =>
          ended > 0 ? "its owner goes on within seconds" : "no operator had paused it",
      },
      args,
      context,
    ),
};
