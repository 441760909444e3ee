// A node as balancing sees it: what it can run, how much it runs, and how fast it is.
import type { WorkerHello } from "../../gen/mesh/v1/worker_service.js";
import type { NodePace } from "./service-times.js";

/** What a node said of itself when it attached, as far as the choice of a node depends on it. */
export type CandidateHello = Pick<WorkerHello, "types" | "heldTypes" | "labels" | "concurrency">;

export interface Candidate {
  readonly id: string;
  readonly hello: CandidateHello;
  /** Running tasks, those proposed but not yet committed included. */
  readonly running: number;
  /** How long it takes for each type, beside the other nodes. */
  readonly pace: NodePace;
}

/** Whether a node can run a task of this type with these requirements now, free or not. */
export function fits(
  { hello }: Pick<Candidate, "hello">,
  type: string,
  requires: readonly string[],
): boolean {
  if (!hello.types.includes(type) || hello.heldTypes.includes(type)) return false;
  return requires.every((label) => hello.labels.includes(label));
}
