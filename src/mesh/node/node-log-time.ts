// A node's log clock, tied to its log, to the clocks of the other voters, and to who leads.
import { LogClock, type ClockEvent } from "../../queue/log-time/log-clock.js";
import { duration } from "../../queue/log-time/log-time-words.js";
import type { QueueMachine } from "../../queue/state/queue-machine.js";
import type { Member } from "../../raft/index.js";
import type { Logger } from "../../telemetry/logger.js";
import { ClockExchange } from "../transport/clock-exchange.js";
import type { NodeParts } from "./node-parts.js";

export interface NodeLogTime {
  readonly clock: LogClock;
  readonly exchange: ClockExchange;
}

/** @param members those that vote, and all */
export function createLogTime(
  { id, clocks, logger }: NodeParts,
  machine: QueueMachine,
  members: { readonly voters: () => readonly Member[]; readonly all: () => readonly Member[] },
): NodeLogTime {
  const clock = new LogClock({
    nodeId: id,
    clocks,
    voters: () => members.voters().map(({ id }) => id),
    tell: (event) => tell(logger, event),
  });
  const applied = (): void => clock.applied(machine.lastAtMs);
  machine.onApplied(applied);
  machine.onRestored(applied);
  const exchange = new ClockExchange({
    clocks,
    random: Math.random,
    isMember: (nodeId) => members.all().some(({ id: known }) => known === nodeId),
    onSample: (nodeId, sample) => clock.heard(nodeId, sample),
  });
  return { clock, exchange };
}

function tell(logger: Logger, event: ClockEvent): void {
  switch (event.kind) {
    case "refused": {
      const { byMs, heldMs } = event;
      const text = `the clocks jumped by ${duration(byMs)}: log time does not follow unless that holds`;
      logger.warn({ byMs: Math.round(byMs), heldMs }, text);
      return;
    }
    case "followed":
      logger.warn({ byMs: Math.round(event.byMs) }, "log time goes by other clocks than before");
      return;
    case "astray": {
      const { nodeId, aheadMs } = event;
      logger.warn({ peer: nodeId, aheadMs }, "a clock is far from what a majority's clocks say");
      return;
    }
    case "right-again":
      logger.info({ peer: event.nodeId }, "a clock that was wrong is right again");
  }
}
