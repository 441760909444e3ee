// What a command is to Redis: whether it changes anything there, and how many tasks it names.
import type { Command, CommandBatch, OperateCommand } from "../../gen/mesh/v1/command.js";

/** Most tasks that one Promote makes pending, whatever it asks for. */
export const MAX_PROMOTED = 4_096;

/** Most tasks that one Expire removes, whatever it asks for. */
export const MAX_EXPIRED = 4_096;

/** Most tasks that one Settle looks at, whatever it asks for. */
export const MAX_SETTLED = 1_000;

/** Commands that a client's call may be, as far as Redis is concerned. */
type Operable = Extract<Command["kind"], { readonly $case: "cancel" | "retry" | "drop" }>;

/** How many tasks a batch names: the measure of what it costs Redis. */
export function taskCount(batch: CommandBatch | undefined): number {
  let count = 0;
  for (const { kind } of batch?.commands ?? []) {
    switch (kind?.$case) {
      case "submit":
        for (const { after } of kind.value.tasks) count += 1 + after.length;
        break;
      case "assign":
        count += kind.value.assignments.length;
        break;
      case "finish":
        count += kind.value.outcomes.length;
        break;
      case "release":
        count += kind.value.releases.length;
        break;
      case "cancel":
      case "retry":
      case "drop":
      case "overdue":
        count += kind.value.taskIds.length;
        break;
      case "settle":
        count += Math.min(kind.value.limit, MAX_SETTLED);
        break;
      case "expire":
        count += Math.min(kind.value.limit, MAX_EXPIRED);
        break;
      case "promote":
        count += Math.min(kind.value.limit, MAX_PROMOTED);
        break;
      case "operate":
        count += operableOf(kind.value)?.value.taskIds.length ?? 0;
        break;
      case "putSchedule":
      case "deleteSchedule":
      case "fireSchedule":
      case "drainNode":
      case "configureQueue":
      case "activateVersion":
      case "transfer":
      case undefined:
        break;
    }
  }
  return count;
}

/** Whether Redis holds anything that the command changes. */
export function concernsTasks({ kind }: Command): boolean {
  switch (kind?.$case) {
    case "putSchedule":
    case "deleteSchedule":
    case "fireSchedule":
    case "drainNode":
    case "configureQueue":
    case "activateVersion":
    case "transfer":
    case undefined:
      return false;
    case "operate":
      return operableOf(kind.value) !== undefined;
    case "submit":
    case "assign":
    case "finish":
    case "release":
    case "cancel":
    case "retry":
    case "promote":
    case "drop":
    case "expire":
    case "overdue":
    case "settle":
      return true;
  }
}

/** The command that a client's call is, where Redis holds what it changes. */
export function operableOf({ command }: OperateCommand): Operable | undefined {
  switch (command?.kind?.$case) {
    case "cancel":
    case "retry":
    case "drop":
      return command.kind;
    default:
      return undefined;
  }
}
