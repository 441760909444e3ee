// A request that cannot be decoded is the caller's fault and answered as such: gRPC by itself would
// call it INTERNAL, as if the node had failed.
import type {
  ServiceDefinition,
  StatusObject,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";

import { QueueError } from "../queue/errors.js";
import { problemFrom, statusOf } from "./status.js";

/** Stands in the place of a request that could not be decoded. */
class Unreadable {
  constructor(readonly reason: string) {}

  status(): StatusObject {
    const message = `the request cannot be read: ${this.reason}`;
    return statusOf(problemFrom(new QueueError("invalid_field", message)));
  }
}

export interface ServedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** The service with each undecodable single request answered INVALID_ARGUMENT. */
export function readable({ definition, implementation }: ServedService): ServedService {
  const served = Object.entries(definition).map(([name, method]) => {
    const handler = implementation[name];
    if (handler === undefined || method.requestStream) return { name, method, handler };
    const requestDeserialize = (encoded: Buffer): unknown => {
      try {
        return method.requestDeserialize(encoded);
      } catch (error) {
        return new Unreadable(error instanceof Error ? error.message : "it is malformed");
      }
    };
    return { name, method: { ...method, requestDeserialize }, handler: guarded(handler) };
  });
  return {
    definition: Object.fromEntries(served.map(({ name, method }) => [name, method])),
    implementation: Object.fromEntries(
      served.flatMap(({ name, handler }) => (handler === undefined ? [] : [[name, handler]])),
    ),
  };
}

interface SingleRequestCall {
  readonly request: unknown;
  emit(event: "error", status: StatusObject): boolean;
}

type SingleRequestHandler = (
  call: SingleRequestCall,
  answer?: (status: StatusObject) => void,
) => void;

function guarded(handler: UntypedHandleCall): UntypedHandleCall {
  const inner = handler as unknown as SingleRequestHandler;
  const serve: SingleRequestHandler = (call, answer) => {
    const { request } = call;
    if (!(request instanceof Unreadable)) inner(call, answer);
    // A server stream has no callback.
    else if (answer === undefined) call.emit("error", request.status());
    else answer(request.status());
  };
  return serve as UntypedHandleCall;
}
