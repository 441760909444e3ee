// Every Raft message to another node leaves through here, on one long-lived stream per peer. A link
// can be impaired on purpose; a message that cannot be sent at once is dropped: Raft sends again.
import { type ChannelCredentials, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import type { ExchangeRequest, ExchangeResponse } from "../gen/raft/v1/raft.js";
import { RaftServiceClient } from "../gen/raft/v1/raft.js";
import type { Message } from "../raft/index.js";
import { encodeExchange } from "./raft-codec.js";

/** Messages that wait for a slow peer; past it they are dropped. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;

export interface PeerLinksOptions {
  readonly meshId: string;
  /** Where a member is reached now. */
  readonly addressOf: (nodeId: string) => string | undefined;
  /** What was on its way to the peer is lost. */
  readonly onUnreachable: (nodeId: string) => void;
  /** Default: no TLS. */
  readonly credentials?: ChannelCredentials | undefined;
  /** What arrives of messages to a peer where its link loses and repeats some. Default: all. */
  readonly surviving?:
    ((nodeId: string, messages: readonly Message[]) => readonly Message[]) | undefined;
}

export interface LinkStatus {
  readonly to: string;
  readonly connected: boolean;
  readonly sentMessages: number;
  readonly droppedMessages: number;
}

export class PeerLinks {
  readonly #links = new Map<string, PeerLink>();

  constructor(private readonly options: PeerLinksOptions) {}

  send(messages: readonly Message[]): void {
    const byPeer = new Map<string, Message[]>();
    for (const message of messages) {
      const batch = byPeer.get(message.to);
      if (batch === undefined) byPeer.set(message.to, [message]);
      else batch.push(message);
    }
    for (const [peer, batch] of byPeer) this.#link(peer).send(batch);
  }

  status(): readonly LinkStatus[] {
    return [...this.#links.values()].map((link) => link.status());
  }

  isConnected(nodeId: string): boolean {
    return this.#links.get(nodeId)?.status().connected ?? false;
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #link(peer: string): PeerLink {
    let link = this.#links.get(peer);
    if (link === undefined) {
      link = new PeerLink(peer, this.options);
      this.#links.set(peer, link);
    }
    return link;
  }
}

class PeerLink {
  #stream: ClientDuplexStream<ExchangeRequest, ExchangeResponse> | undefined;
  #client: RaftServiceClient | undefined;
  #address: string | undefined;
  #connected = false;
  /** Of the stream that stands: what an older one took with it counts no more. */
  #queue = { bytes: 0 };
  #sent = 0;
  #dropped = 0;
  #failures = 0;
  #notBeforeMs = 0;

  constructor(
    private readonly peer: string,
    private readonly options: PeerLinksOptions,
  ) {}

  send(sent: readonly Message[]): void {
    const messages = this.options.surviving?.(this.peer, sent) ?? sent;
    if (messages !== sent) this.#drop(Math.max(0, sent.length - messages.length));
    if (messages.length === 0) return;
    const stream = this.#open();
    if (stream === undefined || this.#queue.bytes > MAX_QUEUED_BYTES) {
      this.#drop(messages.length);
      return;
    }
    const request = encodeExchange(this.options.meshId, messages);
    const bytes = sizeOf(messages);
    const queue = this.#queue;
    queue.bytes += bytes;
    this.#sent += messages.length;
    stream.write(request, () => {
      queue.bytes -= bytes;
    });
  }

  status(): LinkStatus {
    return {
      to: this.peer,
      connected: this.#connected,
      sentMessages: this.#sent,
      droppedMessages: this.#dropped,
    };
  }

  close(): void {
    this.#stream?.cancel();
    this.#client?.close();
    this.#stream = undefined;
    this.#client = undefined;
  }

  #open(): ClientDuplexStream<ExchangeRequest, ExchangeResponse> | undefined {
    const address = this.options.addressOf(this.peer);
    if (address !== this.#address) this.#readdress(address);
    if (this.#stream !== undefined) return this.#stream;
    if (address === undefined || performance.now() < this.#notBeforeMs) return undefined;
    this.#client ??= new RaftServiceClient(
      address,
      this.options.credentials ?? credentials.createInsecure(),
      {
        "grpc.initial_reconnect_backoff_ms": RECONNECT_MIN_MS,
        "grpc.max_reconnect_backoff_ms": RECONNECT_MAX_MS,
        "grpc.max_send_message_length": -1,
      },
    );
    const stream = this.#client.exchange();
    const isCurrent = (): boolean => this.#stream === stream;
    stream.on("metadata", () => {
      if (!isCurrent()) return;
      this.#connected = true;
      this.#failures = 0;
    });
    stream.on("data", () => undefined);
    stream.on("error", () => {
      if (isCurrent()) this.#broken();
    });
    stream.on("end", () => {
      if (isCurrent()) this.#broken();
    });
    this.#stream = stream;
    return stream;
  }

  #broken(): void {
    this.#stream = undefined;
    this.#connected = false;
    this.#queue = { bytes: 0 };
    this.#failures += 1;
    const waitMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failures, 5));
    this.#notBeforeMs = performance.now() + waitMs;
    this.options.onUnreachable(this.peer);
  }

  #readdress(address: string | undefined): void {
    this.#address = address;
    this.close();
    this.#connected = false;
    this.#queue = { bytes: 0 };
    this.#notBeforeMs = 0;
  }

  #drop(count: number): void {
    this.#dropped += count;
  }
}

/** What the messages weigh, about: entries and chunks dominate. */
function sizeOf(messages: readonly Message[]): number {
  let bytes = 0;
  for (const message of messages) {
    bytes += 64;
    if (message.kind === "append-request") {
      for (const entry of message.entries) bytes += entry.data.length + 16;
    } else if (message.kind === "snapshot-chunk") {
      bytes += message.data.length;
    }
  }
  return bytes;
}
