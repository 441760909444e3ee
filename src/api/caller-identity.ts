// Who calls whom, in the metadata of each call between nodes and from the gateway: a call that reached
// another mesh or another node by an address that is another's now is refused, not answered wrongly.
// A call that says nothing of that, such as one of grpcurl, is anybody's.
import {
  InterceptingCall,
  type Interceptor,
  type Metadata,
  type StatusObject,
} from "@grpc/grpc-js";
import { QueueError } from "../queue/errors.js";
import type { EdgeLog } from "./edge-log.js";
import type { ServedService } from "./readable-requests.js";
import { problemFrom, statusOf } from "./status.js";

const MESH_KEY = "taskmesh-mesh";
const MESH_ID_KEY = "taskmesh-mesh-id";
const RECEIVER_KEY = "taskmesh-receiver";
/** Callers that were told apart and logged; past it all of them may be logged again. */
const MAX_LOGGED = 256;

/** A node or a gateway, as its calls introduce it. */
export interface Caller {
  /** Name of its mesh. */
  readonly mesh: string;
  /** Undefined while it does not know; asked with each call. */
  readonly meshId: () => string | undefined;
}

/** A node that is called. */
export interface Receiver {
  readonly mesh: string;
  readonly meshId: string;
  readonly nodeId: string;
}

/** For the channels of a caller; `receiver`: the node that is meant, where that is known. */
export function introducing(caller: Caller, receiver?: string): Interceptor {
  const mesh = encodeURIComponent(caller.mesh);
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        metadata.set(MESH_KEY, mesh);
        const meshId = caller.meshId();
        if (meshId !== undefined) metadata.set(MESH_ID_KEY, encodeURIComponent(meshId));
        if (receiver !== undefined) metadata.set(RECEIVER_KEY, encodeURIComponent(receiver));
        next(metadata, listener);
      },
    });
}

/** As `introducing`, for options that want a list; empty where nobody introduces himself. */
export function introducedTo(
  caller: Caller | undefined,
  receiver: string | undefined,
): Interceptor[] {
  return caller === undefined ? [] : [introducing(caller, receiver)];
}

/** The service with each call refused that is not meant for `receiver`. */
export function forReceiver(
  service: ServedService,
  receiver: Receiver,
  log: EdgeLog,
): ServedService {
  const logged = new Set<string>();
  const refusalOf = (call: Call): StatusObject | undefined => {
    const reason = misdirected(call.metadata, receiver);
    if (reason === undefined) return undefined;
    if (logged.size >= MAX_LOGGED) logged.clear();
    if (!logged.has(reason)) log.warn({ peer: call.getPeer(), reason }, "a call for somebody else");
    logged.add(reason);
    return statusOf(problemFrom(new QueueError("wrong_node", reason)));
  };
  const implementation = Object.fromEntries(
    Object.entries(service.implementation).map(([name, handler]) => {
      const inner = handler as unknown as Handler;
      const guarded: Handler = (call, answer) => {
        const refusal = refusalOf(call);
        if (refusal === undefined) inner(call, answer);
        // A stream has no callback.
        else if (answer === undefined) call.emit("error", refusal);
        else answer(refusal);
      };
      return [name, guarded];
    }),
  );
  return { definition: service.definition, implementation };
}

interface Call {
  readonly metadata: Metadata;
  getPeer(): string;
  emit(event: "error", status: StatusObject): boolean;
}

type Handler = (call: Call, answer?: (status: StatusObject) => void) => void;

/** Why a call is not for this node; undefined where it is, or says nothing of it. */
function misdirected(metadata: Metadata, { mesh, meshId, nodeId }: Receiver): string | undefined {
  const isAnother = (key: string, own: string): string | undefined => {
    const [value] = metadata.get(key);
    if (typeof value !== "string" || value === encodeURIComponent(own)) return undefined;
    return decoded(value);
  };
  const otherMesh = isAnother(MESH_KEY, mesh);
  if (otherMesh !== undefined) {
    return `node ${nodeId} is of mesh ${mesh}, the caller of mesh ${otherMesh}`;
  }
  const otherId = isAnother(MESH_ID_KEY, meshId);
  if (otherId !== undefined) {
    return `node ${nodeId} is of mesh ${mesh} with the id ${meshId}, the caller of ${otherId}`;
  }
  const otherNode = isAnother(RECEIVER_KEY, nodeId);
  return otherNode === undefined
    ? undefined
    : `this is node ${nodeId}, and ${otherNode} was called`;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
