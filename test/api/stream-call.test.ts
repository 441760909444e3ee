// What a stream takes from its source while its watcher does not read.
import { EventEmitter } from "node:events";
import { Metadata, type ServerDuplexStream, type ServerWritableStream } from "@grpc/grpc-js";
import { describe, expect, test, vi } from "vitest";
import { answeringHandler, streamHandler } from "../../src/api/stream-call.js";
import { RecordingLog } from "./support.js";

/** The server's end of a stream whose connection takes a message when it is told to. */
class HeldStream extends EventEmitter {
  readonly request = "from 1 on";
  readonly metadata = new Metadata();
  readonly written: number[] = [];
  cancelled = false;
  ended = false;
  #taken: (() => void)[] = [];

  getDeadline = (): number => Infinity;
  getPath = (): string => "/a/stream";
  sendMetadata(): void {
    // Nobody hears it.
  }
  write(message: number, taken: () => void): boolean {
    this.written.push(message);
    this.#taken.push(taken);
    return true;
  }
  end(): void {
    this.ended = true;
  }
  pause(): void {
    // No message comes by itself.
  }
  take(): void {
    this.#taken.shift()?.();
  }
}

function serve(source: (signal: AbortSignal) => AsyncIterable<number>): HeldStream {
  const stream = new HeldStream();
  const handler = streamHandler<string, number>((_, signal) => source(signal), new RecordingLog());
  handler(stream as unknown as ServerWritableStream<string, number>);
  return stream;
}

describe("a stream", () => {
  test("takes the next message when the connection has taken the one before", async () => {
    let made = 0;
    const stream = serve(async function* () {
      while (made < 3) yield await Promise.resolve((made += 1));
    });
    for (const count of [1, 2, 3]) {
      await vi.waitFor(() => expect(stream.written).toHaveLength(count));
      expect(made).toBe(count);
      stream.take();
    }
    await vi.waitFor(() => expect(stream.ended).toBe(true));
    expect(stream.written).toEqual([1, 2, 3]);
  });

  test("ends its source when the watcher leaves without having read", async () => {
    let left = false;
    const stream = serve(async function* () {
      try {
        for (;;) yield await Promise.resolve(1);
      } finally {
        left = true;
      }
    });
    await vi.waitFor(() => expect(stream.written).toHaveLength(1));
    stream.emit("cancelled");
    await vi.waitFor(() => expect(left).toBe(true));
    expect(stream.written).toHaveLength(1);
  });

  test("sends no answer to a caller that has left while it was made", async () => {
    const stream = new HeldStream();
    let answer: (message: number) => void = () => undefined;
    const made = new Promise<number>((resolve) => (answer = resolve));
    const handler = answeringHandler<number, number>(() => made, new RecordingLog());
    handler(stream as unknown as ServerDuplexStream<number, number>);
    stream.emit("data", 1);
    stream.emit("cancelled");
    answer(2);
    await made;
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.written).toEqual([]);
  });
});
