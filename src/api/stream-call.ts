// Turns an async iterable into a server stream: the caller's hanging up ends the source, whoever does
// not read holds it up, and what is thrown becomes a status.
import { once } from "node:events";

import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  Metadata,
  type ServerDuplexStream,
  type ServerWritableStream,
} from "@grpc/grpc-js";

import { QueueError } from "../queue/errors.js";
import type { EdgeLog } from "./edge-log.js";
import { WATCH_STALL_MS } from "./limits.js";
import { statusFrom } from "./status.js";
import { contextOf } from "./unary-call.js";

/** Serves what `source` yields; errors are mapped by `statusFrom`. */
export function streamHandler<Request, Response>(
  source: (request: Request, signal: AbortSignal) => AsyncIterable<Response>,
  log: EdgeLog,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const { signal } = contextOf(call);
    const stream = async (): Promise<void> => {
      for await (const message of source(call.request, signal)) {
        if (signal.aborted) return;
        // Whoever does not read holds up its own watch, which takes no more from its source.
        if (!call.write(message)) await drained(call, signal);
      }
    };
    // So that a client knows at once that it is served.
    call.sendMetadata(new Metadata());
    stream().then(
      () => {
        call.end();
      },
      (error: unknown) => {
        if (!signal.aborted) call.emit("error", statusFrom(error, log, call.getPath()));
      },
    );
  };
}

/** Answers the messages of a stream one after the other; errors are mapped by `statusFrom`. */
export function answeringHandler<Request, Response>(
  answer: (request: Request) => Promise<Response>,
  log: EdgeLog,
): handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const { signal } = contextOf(call);
    const takeUp = async (request: Request): Promise<void> => {
      // Whoever does not read is asked for no further message.
      if (!call.write(await answer(request))) await drained(call, signal);
      call.resume();
    };
    call.on("data", (request: Request) => {
      call.pause();
      takeUp(request).catch((error: unknown) => {
        if (!signal.aborted) call.emit("error", statusFrom(error, log, call.getPath()));
      });
    });
    call.on("end", () => {
      call.end();
    });
  };
}

async function drained<Request, Response>(
  call: ServerWritableStream<Request, Response> | ServerDuplexStream<Request, Response>,
  signal: AbortSignal,
): Promise<void> {
  const stalled = AbortSignal.timeout(WATCH_STALL_MS);
  try {
    await once(call, "drain", { signal: AbortSignal.any([signal, stalled]) });
  } catch (error) {
    if (!stalled.aborted) throw error;
    throw new QueueError("overloaded", `the watcher read nothing for ${WATCH_STALL_MS} ms`);
  }
}
