import type { Scheduler } from "../core/scheduler.ts";

export const NONE = 0;
export const ILLEGAL_GENERATION = 22;
export const UNKNOWN_MEMBER = 25;
export const REBALANCING = 27;
export const MEMBER_ID_REQUIRED = 79;
export const FENCED_INSTANCE = 82;

export interface Stored {
  readonly offset: number;
  readonly metadata: string;
}

export interface Joining {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  readonly protocol: string;
  readonly metadata: Buffer;
}

export interface JoinAnswer {
  readonly error: number;
  readonly generation: number;
  readonly leader: string;
  readonly memberId: string;
  readonly members: readonly Pick<Joining, "memberId" | "instanceId" | "metadata">[];
}

interface Member extends Joining {
  assignment: Buffer;
  expire: (() => void) | null;
  joined: ((a: JoinAnswer) => void) | null;
  synced: ((a: { error: number; assignment: Buffer }) => void) | null;
}

const NOTHING = Buffer.alloc(0);
const STATES = {
  ...{ empty: "Empty", preparing: "PreparingRebalance" },
  ...{ completing: "CompletingRebalance", stable: "Stable" },
} as const;
const refused = (error: number, memberId = ""): JoinAnswer => ({
  ...{ error, generation: -1, leader: "", memberId, members: [] },
});

/** A group as the broker's classic coordinator keeps it: KIP-345 members, generations, offsets. */
export class Group {
  readonly offsets = new Map<string, Stored>();
  generation = 0;
  state: "empty" | "preparing" | "completing" | "stable" = "empty";
  #leader = "";
  #members = new Map<string, Member>();
  /** Ids given out whose member has not joined yet. */
  readonly #promised = new Set<string>();
  #nextId = 1;
  #emptyUntil = 0;
  #undoTimer: (() => void) | null = null;
  readonly #scheduler: Scheduler;
  readonly #name: string;

  constructor(name: string, scheduler: Scheduler) {
    this.#name = name;
    this.#scheduler = scheduler;
  }

  /** When it had no member last. */
  get emptyUntil(): number {
    return this.state === "empty" ? this.#scheduler.now : this.#emptyUntil;
  }

  get memberIds(): readonly string[] {
    return [...this.#members.keys()];
  }

  join(j: Joining): JoinAnswer | Promise<JoinAnswer> {
    const replaced = j.instanceId === null ? undefined : this.#byInstance(j.instanceId);
    if (j.memberId === "") {
      if (j.instanceId !== null) return this.#joinStatic(j, replaced);
      const memberId = this.#freshId();
      this.#promised.add(memberId);
      return refused(MEMBER_ID_REQUIRED, memberId);
    }
    if (replaced !== undefined && replaced.memberId !== j.memberId)
      return refused(FENCED_INSTANCE, j.memberId);
    const known = this.#members.get(j.memberId);
    if (known === undefined && !this.#promised.delete(j.memberId))
      return refused(UNKNOWN_MEMBER, j.memberId);
    const same = known !== undefined && known.metadata.equals(j.metadata);
    if (this.state === "stable" && same && j.memberId !== this.#leader) {
      this.#heard(known);
      return this.#current(known.memberId);
    }
    return this.#admit(j, known?.assignment ?? NOTHING);
  }

  sync(
    memberId: string,
    instanceId: string | null,
    generation: number,
    assignments: readonly { memberId: string; assignment: Buffer }[],
  ): { error: number; assignment: Buffer } | Promise<{ error: number; assignment: Buffer }> {
    const wrong = this.#wrong(memberId, instanceId, generation);
    const m = this.#members.get(memberId);
    if (wrong !== NONE || m === undefined) return { error: wrong, assignment: NOTHING };
    if (this.state === "preparing") return { error: REBALANCING, assignment: NOTHING };
    if (this.state === "stable") {
      this.#heard(m);
      return { error: NONE, assignment: m.assignment };
    }
    const answered = new Promise<{ error: number; assignment: Buffer }>((resolve) => {
      m.synced = resolve;
    });
    if (memberId === this.#leader) {
      for (const x of this.#members.values()) {
        x.assignment = assignments.find((a) => a.memberId === x.memberId)?.assignment ?? NOTHING;
      }
      this.state = "stable";
      for (const x of this.#members.values()) {
        x.synced?.({ error: NONE, assignment: x.assignment });
        x.synced = null;
        this.#heard(x);
      }
    }
    return answered;
  }

  heartbeat(memberId: string, instanceId: string | null, generation: number): number {
    const wrong = this.#wrong(memberId, instanceId, generation);
    const m = this.#members.get(memberId);
    if (wrong !== NONE || m === undefined) return wrong;
    this.#heard(m);
    return this.state === "preparing" ? REBALANCING : NONE;
  }

  leave(memberId: string): number {
    if (!this.#members.has(memberId)) return UNKNOWN_MEMBER;
    this.#remove(memberId);
    return NONE;
  }

  /** What DescribeGroups says of it. */
  get described(): { readonly state: string; readonly members: readonly Member[] } {
    const members = [...this.#members.values()];
    return { state: STATES[this.state], members };
  }

  /** Whether a commit under this lease is taken now; one without a lease only where there are no members. */
  mayCommit(memberId: string, instanceId: string | null, generation: number): number {
    if (generation < 0 && memberId === "") return this.state === "empty" ? NONE : UNKNOWN_MEMBER;
    const wrong = this.#wrong(memberId, instanceId, generation);
    const m = this.#members.get(memberId);
    if (wrong !== NONE || m === undefined) return wrong;
    this.#heard(m);
    return this.state === "completing" ? REBALANCING : NONE;
  }

  #joinStatic(j: Joining, replaced: Member | undefined): JoinAnswer | Promise<JoinAnswer> {
    const memberId = this.#freshId();
    if (replaced === undefined) return this.#admit({ ...j, memberId }, NOTHING);
    replaced.expire?.();
    replaced.joined?.(refused(FENCED_INSTANCE));
    replaced.synced?.({ error: FENCED_INSTANCE, assignment: NOTHING });
    this.#members.delete(replaced.memberId);
    if (this.state !== "stable") return this.#admit({ ...j, memberId }, replaced.assignment);
    // A stable group takes a static member back without a rebalance.
    const m: Member = { ...replaced, ...j, memberId, joined: null, synced: null, expire: null };
    this.#members.set(memberId, m);
    if (this.#leader === replaced.memberId) this.#leader = memberId;
    this.#heard(m);
    return { ...this.#current(memberId), leader: replaced.memberId };
  }

  #current(memberId: string): JoinAnswer {
    const { generation } = this;
    return { error: NONE, generation, leader: this.#leader, memberId, members: [] };
  }

  #admit(j: Joining, assignment: Buffer): Promise<JoinAnswer> {
    const before = this.#members.get(j.memberId);
    before?.expire?.();
    const m: Member = { ...j, assignment, expire: null, joined: null, synced: null };
    this.#members.set(j.memberId, m);
    return new Promise((resolve) => {
      m.joined = resolve;
      this.#prepare();
    });
  }

  #prepare(): void {
    if (this.state !== "preparing") {
      for (const m of this.#members.values()) {
        m.synced?.({ error: REBALANCING, assignment: NOTHING });
        m.synced = null;
      }
      this.#emptyUntil = this.emptyUntil;
      this.state = "preparing";
      const longest = Math.max(0, ...[...this.#members.values()].map((m) => m.rebalanceMs));
      this.#undoTimer = this.#scheduler.after(longest, () => this.#complete());
    }
    if ([...this.#members.values()].every((m) => m.joined !== null)) {
      this.#undoTimer?.();
      // Answered a moment later, so that members that start together begin together.
      this.#undoTimer = this.#scheduler.after(50, () => this.#complete());
    }
  }

  #complete(): void {
    if (this.state !== "preparing") return;
    for (const m of [...this.#members.values()]) {
      if (m.joined === null && m.instanceId === null) this.#forget(m);
    }
    const joined = [...this.#members.values()].filter((m) => m.joined !== null);
    if (joined.length === 0) {
      this.state = "empty";
      return;
    }
    this.generation += 1;
    this.state = "completing";
    if (!joined.some((m) => m.memberId === this.#leader)) this.#leader = joined[0]?.memberId ?? "";
    const all = [...this.#members.values()];
    for (const m of joined) {
      const members = m.memberId === this.#leader ? all : [];
      m.joined?.({ ...this.#current(m.memberId), members });
      m.joined = null;
      this.#heard(m);
    }
  }

  #wrong(memberId: string, instanceId: string | null, generation: number): number {
    const byInstance = instanceId === null ? undefined : this.#byInstance(instanceId);
    if (byInstance !== undefined && byInstance.memberId !== memberId) return FENCED_INSTANCE;
    if (!this.#members.has(memberId)) return UNKNOWN_MEMBER;
    return generation === this.generation ? NONE : ILLEGAL_GENERATION;
  }

  #heard(m: Member): void {
    m.expire?.();
    m.expire = this.#scheduler.after(m.sessionMs, () => {
      if (this.#members.get(m.memberId) !== m || m.joined !== null || m.synced !== null) return;
      this.#remove(m.memberId);
    });
  }

  #remove(memberId: string): void {
    const m = this.#members.get(memberId);
    if (m === undefined) return;
    m.joined?.(refused(UNKNOWN_MEMBER));
    m.synced?.({ error: UNKNOWN_MEMBER, assignment: NOTHING });
    this.#forget(m);
    if (this.#members.size === 0) {
      this.#undoTimer?.();
      this.state = "empty";
    } else this.#prepare();
  }

  #forget(m: Member): void {
    m.expire?.();
    this.#members.delete(m.memberId);
  }

  #byInstance(instanceId: string): Member | undefined {
    return [...this.#members.values()].find((m) => m.instanceId === instanceId);
  }

  #freshId(): string {
    return `${this.#name}-member-${this.#nextId++}`;
  }
}
