// Server reflection, v1 and v1alpha: lets grpcurl and its like call a node without its .proto files.
import type { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

import { DESCRIPTOR_SET_BASE64 } from "../gen/descriptor-set.js";

/**
 * Adds both versions of the reflection service to `server`. It describes every file under proto/
 * exactly as it was compiled: `@grpc/proto-loader` would merge the files of a package, rename fields
 * and forget which are `optional`.
 */
export function addReflection(server: Server): void {
  const set = fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTOR_SET_BASE64, "base64"));
  const fileDescriptorProtos = set.file.map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file)),
  );
  // The service reads nothing of a package definition but its files.
  const definition = {
    taskmesh: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos },
  } as const;
  new ReflectionService(definition).addToServer(server);
}
