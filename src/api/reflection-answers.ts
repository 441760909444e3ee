// What server reflection answers: the .proto files of the node as they were compiled, comments
// included, found by file, symbol or extension.
// Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
import {
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { DESCRIPTOR_SET_BASE64 } from "../gen/descriptor-set.js";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from "../gen/grpc/reflection/v1/reflection.js";

type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

const registry = loadRegistry();
const symbols = indexSymbols(registry.files);

/** The answer to one question; one that has none is answered with an error within the answer. */
export function reflectionAnswer(request: ServerReflectionRequest): ServerReflectionResponse {
  return {
    validHost: request.host,
    originalRequest: request,
    messageResponse: answerTo(request.messageRequest),
  };
}

function answerTo(question: ServerReflectionRequest["messageRequest"]): Answer {
  switch (question?.$case) {
    case "listServices":
      return listServices();
    case "fileByFilename":
      return files(registry.getFile(question.value), `file ${question.value}`);
    case "fileContainingSymbol":
      return files(symbols.get(question.value), `symbol ${question.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const extension = extensionsOf(containingType).find((one) => one.number === extensionNumber);
      return files(extension?.file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType":
      return extensionNumbers(question.value);
    case undefined:
      return failure(status.INVALID_ARGUMENT, "message_request must be set");
  }
}

function listServices(): Answer {
  const service = [...registry.files]
    .flatMap((file) => file.services)
    .map(({ typeName }) => ({ name: typeName }));
  return { $case: "listServicesResponse", value: { service } };
}

/** The file, and after it all that it stands on. */
function files(file: DescFile | undefined, what: string): Answer {
  if (file === undefined) return failure(status.NOT_FOUND, `there is no ${what}`);
  const found = new Set([file]);
  // What is added on the way is visited, too.
  for (const { dependencies } of found) for (const needed of dependencies) found.add(needed);
  const fileDescriptorProto = [...found].map(({ proto }) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, proto)),
  );
  return { $case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function extensionNumbers(baseTypeName: string): Answer {
  if (registry.getMessage(baseTypeName) === undefined) {
    return failure(status.NOT_FOUND, `there is no message ${baseTypeName}`);
  }
  const extensionNumber = extensionsOf(baseTypeName).map((one) => one.number);
  return { $case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
}

function extensionsOf(typeName: string): readonly DescExtension[] {
  return [...registry].filter(
    (type) => type.kind === "extension" && type.extendee.typeName === typeName,
  ) as DescExtension[];
}

function failure(errorCode: status, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}

function loadRegistry(): FileRegistry {
  const bytes = Buffer.from(DESCRIPTOR_SET_BASE64, "base64");
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
}

/** The file of everything that has a full name. */
function indexSymbols(all: Iterable<DescFile>): ReadonlyMap<string, DescFile> {
  const index = new Map<string, DescFile>();
  for (const file of all) {
    const names = [
      ...file.messages.flatMap(namesWithin),
      ...file.enums.flatMap(namesOfEnum),
      ...file.extensions.map(({ typeName }) => typeName),
      ...file.services.flatMap(({ typeName, methods }) => [
        typeName,
        ...methods.map(({ name }) => `${typeName}.${name}`),
      ]),
    ];
    for (const name of names) index.set(name, file);
  }
  return index;
}

function namesWithin(message: DescMessage): string[] {
  const { typeName, fields, oneofs } = message;
  return [
    typeName,
    ...[...fields, ...oneofs].map(({ name }) => `${typeName}.${name}`),
    ...message.nestedMessages.flatMap(namesWithin),
    ...message.nestedEnums.flatMap(namesOfEnum),
    ...message.nestedExtensions.map((extension) => extension.typeName),
  ];
}

/** The values of an enum are its siblings, as in C++. */
function namesOfEnum({ typeName, values }: DescEnum): string[] {
  const scope = typeName.slice(0, typeName.lastIndexOf(".") + 1);
  return [typeName, ...values.map(({ name }) => `${scope}${name}`)];
}
