// Turns an async iterable into a server stream: the caller's hanging up ends the source, whoever does
// not read holds it up, and what is thrown becomes a status.
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
        await sent(call, message, signal);
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
      await sent(call, await answer(request), signal);
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

/** Resolves once the connection has taken the message: no second one waits for it in memory. */
function sent<Request, Response>(
  call: ServerWritableStream<Request, Response> | ServerDuplexStream<Request, Response>,
  message: Response,
  signal: AbortSignal,
): Promise<void> {
  // An answer may have taken longer than its caller stayed: of that no callback would tell.
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(stalled);
      signal.removeEventListener("abort", aborted);
      settle();
    };
    const aborted = (): void => end(() => reject(signal.reason as Error));
    const stalled = setTimeout(() => {
      const reason = `the watcher read nothing for ${WATCH_STALL_MS} ms`;
      end(() => reject(new QueueError("overloaded", reason)));
    }, WATCH_STALL_MS);
    signal.addEventListener("abort", aborted, { once: true });
    call.write(message, () => end(resolve));
  });
}
