// A client of GET /events that comes back with the id of its last event, as browsers do.
import { setTimeout as pause } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";

export interface Told {
  /** Event id: place in the log. */
  readonly at: string;
  readonly id: string;
  readonly status: string;
}

export interface ClusterTold {
  readonly term: number;
  readonly leader: { readonly id: string } | null;
  readonly members: readonly {
    readonly id: string;
    readonly role: string;
    readonly state: string;
  }[];
  readonly redis: { readonly connected: boolean };
}

export class EventClient {
  readonly #url: string;
  readonly told: Told[] = [];
  readonly cluster: ClusterTold[] = [];
  /** Times that the stream began anew because changes were no longer kept. */
  resets = 0;
  isOpen = false;
  readonly #closing = new AbortController();
  #lastId = "";

  constructor(url: string) {
    this.#url = url;
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  statusesOf(id: string): readonly string[] {
    return this.told.filter((one) => one.id === id).map(({ status }) => status);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#connect(signal).catch(() => undefined);
      this.isOpen = false;
      await pause(50, undefined, { signal }).catch(() => undefined);
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const headers = this.#lastId === "" ? {} : { "last-event-id": this.#lastId };
    const response = await fetch(this.#url, { headers, signal });
    if (!response.ok || response.body === null) return;
    this.isOpen = true;
    const events = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { id, event, data } of events) {
      this.#lastId = id ?? this.#lastId;
      if (event === "reset") this.resets += 1;
      if (event === "task") this.told.push({ ...(JSON.parse(data) as Told), at: this.#lastId });
      if (event === "cluster") this.cluster.push(JSON.parse(data) as ClusterTold);
    }
  }
}

/** Orders event ids by their place in the log. */
export function byPlace(a: string, b: string): number {
  const [indexA = 0, positionA = 0] = a.split("-").map(Number);
  const [indexB = 0, positionB = 0] = b.split("-").map(Number);
  return indexA - indexB || positionA - positionB;
}
