// A request that cannot be decoded is the caller's fault and answered as such: gRPC by itself would
// call it INTERNAL, as if the node had failed. Strings that are no UTF-8 are among them: protobuf's
// decoder would take each of their bytes for the same U+FFFD.
import { BinaryReader } from "@bufbuild/protobuf/wire";
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

/**
 * The service with each undecodable single request answered INVALID_ARGUMENT. A stream with one ends,
 * with INTERNAL, as gRPC has it.
 */
export function readable({ definition, implementation }: ServedService): ServedService {
  const served = Object.entries(definition).map(([name, method]) => {
    const handler = implementation[name];
    const decode = strictly(method.requestDeserialize);
    if (handler === undefined || method.requestStream) {
      return { name, method: { ...method, requestDeserialize: decode }, handler };
    }
    const requestDeserialize = (encoded: Buffer): unknown => {
      try {
        return decode(encoded);
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

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeStrictly(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Error("a string in it is not in UTF-8");
  }
}

/** Like the bytes that it reads, for whoever looks at their length first. */
class StrictReader extends BinaryReader {
  get length(): number {
    return this.len;
  }
}

type Deserialize = (encoded: Buffer) => unknown;

/** The generated code decodes a reader as well as bytes. */
function strictly(deserialize: Deserialize): Deserialize {
  return (encoded) =>
    deserialize(new StrictReader(encoded, decodeStrictly) as BinaryReader as unknown as Buffer);
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
