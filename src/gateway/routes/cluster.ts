// /cluster: Raft as the nodes see it, and leadership handed over.
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { clusterView } from "../cluster-json.js";
import type { RouteContext } from "../route-context.js";
import { validated } from "../validated.js";

const transferBody = z.strictObject({ to: z.string().min(1).max(256).optional() });

export function clusterRoutes(app: FastifyInstance, { mesh }: RouteContext): void {
  app.get("/cluster", async () => clusterView(await mesh.cluster()));

  app.post("/cluster/transfer", async (request) => {
    const { to } = validated(transferBody, request.body ?? {});
    const { leaderId, term } = await mesh.transfer(to ?? "");
    return { leader: { id: leaderId, term } };
  });
}
