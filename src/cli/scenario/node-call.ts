// Asks one node directly over gRPC, past the gateway, which would turn to another node.
import { credentials } from "@grpc/grpc-js";
import { callUnary } from "../../api/unary-client.js";
import {
  ClusterServiceClient,
  type GetClusterResponse,
} from "../../gen/mesh/v1/cluster_service.js";
import { SubmitTaskRequest, TaskServiceClient } from "../../gen/mesh/v1/task_service.js";
import { ExitError } from "../exit.js";
import { statusLine } from "../grpc-call.js";
import { QUEUE } from "./scenario-client.js";

const CALL_MS = 5_000;

export type NodeSight = Readonly<
  Pick<GetClusterResponse, "nodeId" | "leaderId" | "term" | "commitIndex" | "appliedIndex">
>;

/**
 * The mesh as the node at `address` sees it.
 * @throws ExitError where it does not answer
 */
export async function clusterSeenBy(address: string): Promise<NodeSight> {
  const client = new ClusterServiceClient(address, credentials.createInsecure());
  try {
    const bounds = { deadlineMs: Date.now() + CALL_MS };
    const answer = await callUnary(client.getCluster.bind(client), {}, bounds);
    if (answer.error === null) return answer.response;
    throw new ExitError(`${address} does not answer (${statusLine(answer.error)})`);
  } finally {
    client.close();
  }
}

/** Why the node at `address` refuses a task; undefined where it acknowledges it. */
export async function refusalOf(address: string): Promise<string | undefined> {
  const client = new TaskServiceClient(address, credentials.createInsecure());
  // An empty message decodes to one with every default.
  const defaults = SubmitTaskRequest.decode(new Uint8Array());
  const task: SubmitTaskRequest = { ...defaults, type: "process", data: "1", queue: QUEUE };
  try {
    const bounds = { deadlineMs: Date.now() + CALL_MS };
    const { error } = await callUnary(client.submitTask.bind(client), task, bounds);
    return error === null ? undefined : statusLine(error);
  } finally {
    client.close();
  }
}
