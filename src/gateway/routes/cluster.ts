// /cluster: Raft as the nodes see it, and leadership handed over.
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { clientSignal } from "../client-gone.js";
import { clusterView, verifyView } from "../cluster-json.js";
import { takesNoQuery, takesNothing } from "../no-input.js";
import { operationOf } from "../operation.js";
import type { RouteContext } from "../route-context.js";
import { validated } from "../validated.js";

const transferBody = z.strictObject({ to: z.string().min(1).max(256).optional() });

/** Adds `/cluster`, the audit `POST /cluster/verify`, and the transfer of leadership. */
export function clusterRoutes(app: FastifyInstance, { mesh, stopping }: RouteContext): void {
  app.get("/cluster", { preHandler: takesNothing }, async () => clusterView(await mesh.cluster()));

  app.post("/cluster/verify", { preHandler: takesNothing }, async (_request, reply) => {
    const { signal, done } = clientSignal(reply, stopping);
    try {
      return verifyView(await mesh.verify(signal));
    } finally {
      done();
    }
  });

  app.post("/cluster/transfer", { preHandler: takesNoQuery }, async (request) => {
    const { to } = validated(transferBody, request.body ?? {});
    const { leaderId, term } = await mesh.transfer(to ?? "", operationOf(request));
    return { leader: { id: leaderId, term } };
  });
}
