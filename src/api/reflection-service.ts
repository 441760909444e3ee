// Server reflection, v1 and v1alpha: lets grpcurl and its like call a node without its .proto files.
import { ServerReflectionService as AlphaService } from "../gen/grpc/reflection/v1alpha/reflection.js";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from "../gen/grpc/reflection/v1/reflection.js";
import { boundedRequests } from "./bounded-service.js";
import type { EdgeLog } from "./edge-log.js";
import { MAX_REFLECTION_REQUEST_BYTES } from "./limits.js";
import type { ServedService } from "./readable-requests.js";
import { answeringHandler } from "./stream-call.js";

/** Both versions: on the wire they differ in their names alone. */
export function createReflectionServices(log: EdgeLog): readonly ServedService[] {
  const implementation = { serverReflectionInfo: answeringHandler(answer, log) };
  return [ServerReflectionService, AlphaService].map((service) => ({
    definition: boundedRequests(service, MAX_REFLECTION_REQUEST_BYTES),
    implementation,
  }));
}

async function answer(request: ServerReflectionRequest): Promise<ServerReflectionResponse> {
  // Loaded by the first question: most nodes are never asked, and the descriptors take megabytes.
  const { reflectionAnswer } = await import("./reflection-answers.js");
  return reflectionAnswer(request);
}
