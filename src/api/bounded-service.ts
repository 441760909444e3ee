// Narrows the size of the messages of one service: the server's own bound is that of its largest.
import type { ServiceDefinition } from "@grpc/grpc-js";

/**
 * The definition with every request over `maxBytes` refused before it is decoded; the call then ends
 * with INTERNAL, as gRPC does for whatever cannot be decoded.
 */
export function boundedRequests(
  definition: ServiceDefinition,
  maxBytes: number,
): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [
      name,
      {
        ...method,
        requestDeserialize: (encoded: Buffer): unknown => {
          if (encoded.length > maxBytes) {
            throw new RangeError(`a message of ${encoded.length} bytes; at most ${maxBytes}`);
          }
          return method.requestDeserialize(encoded);
        },
      },
    ]),
  );
}
