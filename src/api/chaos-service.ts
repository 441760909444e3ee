// mesh.v1.ChaosService: the links of this node, impaired on purpose; refused where that is not allowed.
import type { ChaosServiceServer } from "../gen/mesh/v1/chaos_service.js";
import { checkPeer, InvalidLinkRule, noImpairment } from "../links/link-rule.js";
import { CHAOS_DISABLED } from "../links/link-table.js";
import { QueueError } from "../queue/errors.js";
import type { EdgeLog } from "./edge-log.js";
import type { LinkControl, LinkPair, LinkReach } from "./link-control.js";
import { invalidRule, ownRule, wireRule } from "./link-rule-codec.js";
import { unaryHandler } from "./unary-call.js";

export interface ChaosServiceOptions {
  /** Undefined where the configuration does not allow it. */
  readonly control: LinkControl | undefined;
  readonly self: string;
  readonly log: EdgeLog;
}

/**
 * mesh.v1.ChaosService. Its calls are refused with "chaos_disabled" where there is no `control`.
 */
export function createChaosService(options: ChaosServiceOptions): ChaosServiceServer {
  const { control, self, log } = options;
  const allowed = async <T>(use: (control: LinkControl) => Promise<T> | T): Promise<T> => {
    if (control === undefined) throw new QueueError("chaos_disabled", CHAOS_DISABLED);
    try {
      return await use(control);
    } catch (error) {
      throw error instanceof InvalidLinkRule ? invalidRule(error) : error;
    }
  };
  return {
    setLink: unaryHandler(
      ({ rule = wireRule(noImpairment("", "")), both, hereOnly }) =>
        allowed(async (links) => {
          if (!hereOnly) return answerOf(await links.set(ownRule(rule), both));
          links.setHere(ownRule(rule), both);
          return { at: [self], unreachable: [] };
        }),
      log,
    ),
    listLinks: unaryHandler(() => allowed((links) => ({ links: links.rulesHere() })), log),
    healLinks: unaryHandler(
      ({ hereOnly, ...pair }) =>
        allowed(async (links) => {
          const selected = selectedBy(pair);
          if (!hereOnly) return answerOf(await links.heal(selected));
          links.healHere(selected);
          return { at: [self], unreachable: [] };
        }),
      log,
    ),
  };
}

function selectedBy({ from, to, both }: LinkPair): LinkPair | undefined {
  if (from === "" && to === "") return undefined;
  checkPeer("from", from);
  checkPeer("to", to);
  return { from, to, both };
}

function answerOf({ at, unreachable }: LinkReach) {
  return { at, unreachable };
}
