// Server reflection, v1 and v1alpha: lets grpcurl and its like call a node without its .proto files.
import type { Server } from "@grpc/grpc-js";
import {
  type AnyDefinition,
  type EnumTypeDefinition,
  loadFileDescriptorSetFromBuffer,
  type MessageTypeDefinition,
  type PackageDefinition,
} from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

import { DESCRIPTOR_SET_BASE64 } from "../gen/descriptor-set.js";

/** Adds both versions of the reflection service to `server`. */
export function addReflection(server: Server): void {
  new ReflectionService(describedPackage(Buffer.from(DESCRIPTOR_SET_BASE64, "base64"))).addToServer(
    server,
  );
}

/**
 * What proto-loader makes of the compiled files, with each type described by those files as they
 * were compiled: the loader's own descriptions merge the files of a package, rename fields and
 * forget which are `optional`.
 */
function describedPackage(descriptorSet: Buffer): PackageDefinition {
  const { file } = fromBinary(FileDescriptorSetSchema, descriptorSet);
  const fileDescriptorProtos = file.map((each) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, each)),
  );
  const described: PackageDefinition = loadFileDescriptorSetFromBuffer(descriptorSet);
  for (const definition of Object.values(described)) {
    if (isType(definition)) definition.fileDescriptorProtos = fileDescriptorProtos;
  }
  return described;
}

type TypeDefinition = MessageTypeDefinition<object, object> | EnumTypeDefinition;

function isType(definition: AnyDefinition): definition is TypeDefinition {
  return "format" in definition;
}
