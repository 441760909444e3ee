// What the answers of nodes have in common, whatever was asked.
import type { ClientReadableStream } from "@grpc/grpc-js";

/** A part of an answer that every node fills in. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the node left its answer empty");
  return value;
}

/** A stream's messages with their type, which its own iterator does not tell. */
export function messagesOf<T>(call: ClientReadableStream<T>): AsyncIterable<T> {
  return call;
}
