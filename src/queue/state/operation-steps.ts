// Cuts an entry into what takes effect: a call that was known before, or has expired, is left out.
import type { Command, CommandBatch, OperateCommand } from "../../gen/mesh/v1/command.js";

/** Commands that are applied together, and the operation that they are of. */
export interface Step {
  readonly batch: CommandBatch;
  readonly operationId: string | undefined;
}

/**
 * @param begin notes an operation; returns whether it takes effect
 */
export function* stepsOf(
  batch: CommandBatch,
  begin: (operate: OperateCommand) => boolean,
): Generator<Step, void, void> {
  const { atMs, commands } = batch;
  if (!commands.some(({ kind }) => kind?.$case === "operate")) {
    yield { batch, operationId: undefined };
    return;
  }
  let plain: Command[] = [];
  for (const command of commands) {
    if (command.kind?.$case !== "operate") {
      plain.push(command);
      continue;
    }
    if (plain.length > 0) yield { batch: { atMs, commands: plain }, operationId: undefined };
    plain = [];
    const operate = command.kind.value;
    if (!begin(operate) || operate.command === undefined) continue;
    yield { batch: { atMs, commands: [operate.command] }, operationId: operate.operation?.id };
  }
  if (plain.length > 0) yield { batch: { atMs, commands: plain }, operationId: undefined };
}
