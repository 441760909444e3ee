// Calls a method of a node that is known by its definition alone.
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { NODE_CHANNEL_OPTIONS } from "../api/channel-options.js";
import { PROBLEM_METADATA_KEY } from "../api/status.js";
import { callUnary, type UnaryStub } from "../api/unary-client.js";
import { ExitError } from "./exit.js";
import type { GrpcMethod } from "./grpc-methods.js";

/** @throws ExitError with the status where the call fails */
export async function callOnce(
  address: string,
  method: GrpcMethod,
  request: object,
  timeoutMs: number,
): Promise<object> {
  const client = connect(address);
  try {
    const { path, requestSerialize, responseDeserialize } = method;
    const stub: UnaryStub<object, object | undefined> = (...call) =>
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, ...call);
    const answer = await callUnary(stub, request, { deadlineMs: Date.now() + timeoutMs });
    if (answer.error !== null) throw failure(address, answer.error);
    if (answer.response === undefined) throw new ExitError(`${address} answered nothing`);
    return answer.response;
  } finally {
    client.close();
  }
}

/** The answers, until there are no more. @throws ExitError with the status where the call fails */
export async function* callForStream(
  address: string,
  method: GrpcMethod,
  request: object,
): AsyncIterable<object> {
  const client = connect(address);
  try {
    const { path, requestSerialize, responseDeserialize } = method;
    yield* client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    ) as AsyncIterable<object>;
  } catch (error) {
    throw failure(address, error as ServiceError);
  } finally {
    client.close();
  }
}

function connect(address: string): Client {
  return new Client(address, credentials.createInsecure(), NODE_CHANNEL_OPTIONS);
}

function failure(address: string, error: ServiceError): ExitError {
  if (error.code === status.UNAVAILABLE && error.metadata.get(PROBLEM_METADATA_KEY).length === 0) {
    return new ExitError(
      `no node answers at ${address}: is the mesh running? name another with --node`,
    );
  }
  return new ExitError(`${address} answered ${statusLine(error)}`);
}

/** The status of a call that failed, and what the node says of it. */
export function statusLine({ code, details }: ServiceError): string {
  return `${status[code]}: ${details}`;
}
