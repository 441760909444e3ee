// Reads server-sent events of a gateway.
import { type EventSourceMessage, EventSourceParserStream } from "eventsource-parser/stream";
import { ExitError } from "./exit.js";
import { gatewayProblem, noGateway } from "./gateway-client.js";

/** No frame at all for so long, where a heartbeat comes every 15 s: the connection is dead. */
const SILENCE_MS = 40_000;

/**
 * The events at `url` until its stream ends.
 *
 * @param lastEventId where to go on; "" for the first time
 * @throws ExitError where the gateway refuses, cannot be reached or falls silent
 */
export async function* eventsOf(
  url: string,
  lastEventId: string,
): AsyncIterable<EventSourceMessage> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const headers = lastEventId === "" ? {} : { "last-event-id": lastEventId };
    const response = await fetch(url, { headers, signal: silence.signal });
    if (!response.ok || response.body === null) throw await gatewayProblem(response);
    const heard = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, out) {
        timer.refresh();
        out.enqueue(chunk);
      },
    });
    const events = response.body
      .pipeThrough(heard)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const event of events) yield event;
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw noGateway(new URL(url).origin, error);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
