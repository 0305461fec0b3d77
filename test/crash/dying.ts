import { instrument } from "../sim/cover/instrument.ts";
import { type Death, Life, told } from "./life.ts";
import { isProduct } from "./product.ts";

/** `src/main.ts`, in a process that kills itself where DIES_AT says. */
const death = JSON.parse(process.env["DIES_AT"] ?? "null") as Death | null;
instrument(isProduct, told);
await new Life(death, () => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("SIGKILL comes at once");
}).run(() => import("../../src/main.ts"));
