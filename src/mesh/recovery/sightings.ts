// Whether other members of a mesh are alive, before one of them is made a mesh of its own: two meshes that
// both take themselves for the one would each acknowledge what the other does not know.
import { Metadata } from "@grpc/grpc-js";
import { ClientPool, isConnected } from "../../api/client-pool.js";
import type { Member } from "../../raft/index.js";

const CONNECT_MS = 1_500;
const ANSWER_MS = 2_000;

export interface Sighting {
  readonly id: string;
  readonly address: string;
  /** As a clause: "answers as …", or "does not answer". */
  readonly told: string;
  readonly isAlive: boolean;
}

/**
 * Calls each of them where the configuration has it.
 * @param meshId a node of another mesh at the address is none of them
 */
export async function lookFor(
  members: readonly Member[],
  meshId: string,
): Promise<readonly Sighting[]> {
  const clients = new ClientPool();
  try {
    return await Promise.all(members.map((member) => look(clients, member, meshId)));
  } finally {
    clients.close();
  }
}

async function look(
  clients: ClientPool,
  { id, address }: Member,
  meshId: string,
): Promise<Sighting> {
  const peer = clients.at(address);
  if (!(await isConnected(peer, Date.now() + CONNECT_MS))) {
    return { id, address, told: "does not answer", isAlive: false };
  }
  return new Promise((resolve) => {
    const bounds = { deadline: Date.now() + ANSWER_MS };
    peer.cluster.getCluster({}, new Metadata(), bounds, (error, answer) => {
      if (error !== null) {
        // What listens there may be it, and stands still.
        const told = `has something at its address that does not tell who it is (${error.details})`;
        resolve({ id, address, told, isAlive: true });
        return;
      }
      const isAlive = answer.meshId === meshId && answer.nodeId === id;
      const told = `answers as ${answer.nodeId} of mesh ${answer.meshId}`;
      resolve({ id, address, told, isAlive });
    });
  });
}
