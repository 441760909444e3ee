// Calls a method of a node that is known by its definition alone.
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { NODE_CHANNEL_OPTIONS } from "../api/channel-options.js";
import { PROBLEM_METADATA_KEY } from "../api/status.js";
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
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, answer) => {
          if (answer !== undefined) resolve(answer);
          else reject(failure(address, error));
        },
      );
    });
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

function failure(address: string, error: ServiceError | null): ExitError {
  if (error === null) return new ExitError(`${address} answered nothing`);
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
