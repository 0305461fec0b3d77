import type { Plan } from "../core/plan.ts";
import type { PlanMark } from "./state.ts";

/** The plans as they were last read or committed, in full: the state table knows them by their marks. */
export class KnownPlans {
  #plans: readonly Plan[] = [];

  saw(plans: readonly Plan[]): void {
    this.#plans = plans;
  }

  at(start: bigint): Plan | null {
    return this.#plans.find((p) => p.start === start) ?? null;
  }

  of(mark: PlanMark | null): Plan | null {
    const plan = mark === null ? null : this.at(mark.start);
    return plan !== null && plan.end === mark?.end ? plan : null;
  }
}
