// /chaos/links: links of the mesh impaired on purpose, where the configuration allows it.
import type { FastifyInstance } from "fastify";
import { type LinkControl, type LinkReach, UnknownPeer } from "../../api/link-control.js";
import { outerFieldOf } from "../../api/link-rule-codec.js";
import { InvalidLinkRule } from "../../links/link-rule.js";
import { CHAOS_DISABLED } from "../../links/link-table.js";
import { linkPairFrom, linkRuleFrom } from "../chaos-schema.js";
import { MeshRefusal, unavailable } from "../mesh-refusal.js";
import { takesNoQuery, takesNothing } from "../no-input.js";
import { HttpProblem, invalidFields } from "../problem.js";
import { requireBody } from "../request-body.js";
import type { RouteContext } from "../route-context.js";

/** Adds `/chaos/links`: 403 where the configuration does not allow chaos. */
export function chaosRoutes(app: FastifyInstance, { chaos, mesh }: RouteContext): void {
  const allowed = (): LinkControl => {
    if (chaos === undefined) throw new HttpProblem(403, "chaos_disabled", CHAOS_DISABLED);
    return chaos;
  };

  app.get("/chaos/links", { preHandler: takesNothing }, () => allowed().list());

  app.put("/chaos/links", { preHandler: takesNoQuery }, async (request) => {
    const links = allowed();
    requireBody(request.body, "a JSON object");
    const { rule, both } = linkRuleFrom(request.body);
    const set = (): Promise<LinkReach> => links.set(rule, both);
    try {
      return reached(
        await set().catch(async (error: unknown) => {
          if (!(error instanceof UnknownPeer)) throw error;
          // A gateway that was just started learns of the members from their leader.
          await mesh.cluster("short");
          return set();
        }),
      );
    } catch (error) {
      throw error instanceof InvalidLinkRule ? asProblem(error) : error;
    }
  });

  app.delete("/chaos/links", async (request) => {
    return reached(await allowed().heal(linkPairFrom(request.query)));
  });
}

/** Done at some end at least, and where. */
function reached({ at, unreachable, refused }: LinkReach): Record<string, unknown> {
  if (at.length > 0) return { at, unreachable };
  if (refused !== undefined) throw new MeshRefusal(refused);
  const reasons = unreachable.map(({ id, reason }) => `${id}: ${reason}`).join("; ");
  throw unavailable("no_node", `no end of the link could be told (${reasons})`);
}

function asProblem(error: InvalidLinkRule): HttpProblem {
  return invalidFields([{ field: outerFieldOf(error), message: error.reason }]);
}
