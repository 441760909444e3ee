// What every route file gets: the mesh, the configuration, and the signal of the gateway's stop.
import type { FastifyReply } from "fastify";
import type { LinkControl } from "../api/link-control.js";
import type { Config } from "../config/schema.js";
import { MeshRefusal } from "./mesh-refusal.js";
import type { Mesh } from "./mesh.js";
import type { NodeDirectory } from "./peers.js";
import { HttpProblem } from "./problem.js";

export interface RouteContext {
  readonly mesh: Mesh;
  readonly config: Pick<Config, "limits" | "retries">;
  readonly directory: NodeDirectory;
  readonly stopping: AbortSignal;
  /** Where links may be impaired on purpose. */
  readonly chaos?: LinkControl | undefined;
}

export const JSON_CONTENT_TYPE = "application/json; charset=utf-8";

/** Sends JSON text as it is. */
export function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.header("content-type", JSON_CONTENT_TYPE).send(text);
}

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** An id that some task may have. Throws HttpProblem 404: what is no id is no task's. */
export function taskIdFrom(id: string): string {
  if (!ULID.test(id)) throw new HttpProblem(404, "not_found", "there is no task with this id");
  return id;
}

/** True for a refusal that says nothing of the request, only that the mesh could not take it. */
export function isUnavailable(error: unknown): error is MeshRefusal {
  return error instanceof MeshRefusal && error.problem.httpStatus === 503;
}
