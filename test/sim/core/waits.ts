/**
 * Which waits of the product are under way, and in which process: for the report that says where a crash
 * was tried. Nothing is recorded unless a recorder is set.
 */
export interface Recorder {
  /** The process `owner` begins to wait at a place of the sources. */
  began(owner: object, place: string, value: unknown): void;
  /** Time goes on: what still waits now really waits. */
  passed(): void;
  /** It dies with all its waits. */
  died(owner: object): void;
}

export const waits: { owner: object | null; recorder: Recorder | null } = {
  owner: null,
  recorder: null,
};
