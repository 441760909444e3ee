// One client's stream of server-sent events: nothing is buffered for a client that does not read,
// beyond what its socket takes and the newest state of the mesh.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { heartbeatFrame, openingFrame } from "./event-stream.js";
import { EVENT_HEARTBEAT_MS } from "./limits.js";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Asks a proxy such as nginx not to hold events back.
  "x-accel-buffering": "no",
} as const;

export class EventWriter {
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;
  #newest: string | undefined;

  /** Begins the answer. */
  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, HEADERS);
    response.write(openingFrame());
    response.on("drain", () => this.#writeNewest());
    this.#heartbeat = setInterval(() => {
      // Heartbeats wait for a client that does not read, as events do.
      if (!response.writableNeedDrain) response.write(heartbeatFrame());
    }, EVENT_HEARTBEAT_MS);
  }

  /** Writes every one of these; resolves once the client has taken enough of what was written. */
  async write(frames: string, signal: AbortSignal): Promise<void> {
    if (!this.#response.write(frames)) await once(this.#response, "drain", { signal });
  }

  /** Writes it as soon as the client reads; a newer one takes its place until then. */
  offer(frame: string): void {
    this.#newest = frame;
    if (!this.#response.writableNeedDrain) this.#writeNewest();
  }

  /** Ends the response; what was not written yet is dropped. */
  end(): void {
    clearInterval(this.#heartbeat);
    this.#newest = undefined;
    this.#response.end();
  }

  #writeNewest(): void {
    if (this.#newest !== undefined) this.#response.write(this.#newest);
    this.#newest = undefined;
  }
}
