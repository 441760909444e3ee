// Every Raft message to another node leaves through here, on one long-lived stream per peer. A link
// can be impaired on purpose; a message that cannot be sent at once is dropped: Raft sends again.
import { type ChannelCredentials, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { type Caller, introducedTo } from "../../api/caller-identity.js";
import { NODE_CHANNEL_OPTIONS } from "../../api/channel-options.js";
import type {
  ClockReading,
  ExchangeRequest,
  ExchangeResponse,
  Introduction,
} from "../../gen/raft/v1/raft.js";
import { RaftServiceClient } from "../../gen/raft/v1/raft.js";
import type { Message } from "../../raft/index.js";
import { encodeExchange } from "./raft-codec.js";

/** Messages that wait for a slow peer; past it they are dropped. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;
/** A link that broke is tried again at once, then after these, twice as long each time. */
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** gRPC keeps nothing of the system's error but its text. */
const NOBODY_LISTENS = "ECONNREFUSED";

export interface PeerLinksOptions {
  readonly meshId: string;
  /** This node's mesh, told with each stream. Default: by the messages alone. */
  readonly caller?: Caller | undefined;
  /** This node, as each stream introduces it. */
  readonly self: Introduction;
  /** Where a member is reached now. */
  readonly addressOf: (nodeId: string) => string | undefined;
  /** What was on its way to the peer is lost. */
  readonly onUnreachable: (nodeId: string) => void;
  /** Nothing listens at the peer's address: its process has most likely ended. */
  readonly onGone: (nodeId: string) => void;
  /** Default: no TLS. */
  readonly credentials?: ChannelCredentials | undefined;
  /** What arrives of messages to a peer where its link loses and repeats some. Default: all. */
  readonly surviving?:
    ((nodeId: string, messages: readonly Message[]) => readonly Message[]) | undefined;
  /** What the peer is told of this node's clock along with the next messages. Default: nothing. */
  readonly clockFor?: (nodeId: string) => ClockReading | undefined;
}

export interface LinkStatus {
  readonly to: string;
  readonly connected: boolean;
  readonly sentMessages: number;
  readonly droppedMessages: number;
}

export class PeerLinks {
  readonly #options: PeerLinksOptions;
  readonly #links = new Map<string, PeerLink>();

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  /**
   * Sends messages to those they are for, in order; what a broken link cannot take is lost, as Raft
   * expects.
   */
  send(messages: readonly Message[]): void {
    const byPeer = new Map<string, Message[]>();
    for (const message of messages) {
      const batch = byPeer.get(message.to);
      if (batch === undefined) byPeer.set(message.to, [message]);
      else batch.push(message);
    }
    for (const [peer, batch] of byPeer) this.#link(peer).send(batch);
  }

  /** Tells peers that are sent nothing else where this node is reached. */
  introduce(peers: Iterable<string>): void {
    for (const peer of peers) if (peer !== this.#options.self.nodeId) this.#link(peer).introduce();
  }

  /** A peer has just reached this node: so it can be reached, and is tried without further wait. */
  heardFrom(peer: string): void {
    this.#links.get(peer)?.retryNow();
  }

  /** Each link with its counts, whether it stands or not. */
  status(): readonly LinkStatus[] {
    return [...this.#links.values()].map((link) => link.status());
  }

  /** Whether the stream to a node stands, as far as is known. */
  isConnected(nodeId: string): boolean {
    return this.#links.get(nodeId)?.status().connected ?? false;
  }

  /** Ends every stream; messages that wait are dropped. */
  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #link(peer: string): PeerLink {
    let link = this.#links.get(peer);
    if (link === undefined) {
      link = new PeerLink(peer, this.#options);
      this.#links.set(peer, link);
    }
    return link;
  }
}

class PeerLink {
  readonly #peer: string;
  readonly #options: PeerLinksOptions;
  #stream: ClientDuplexStream<ExchangeRequest, ExchangeResponse> | undefined;
  /** The stream on which this node has said who it is. */
  #introducedOn: ClientDuplexStream<ExchangeRequest, ExchangeResponse> | undefined;
  #client: RaftServiceClient | undefined;
  #address: string | undefined;
  #connected = false;
  /** What waits on the present stream; what an older stream took with it counts no more. */
  #queue = { bytes: 0 };
  #sent = 0;
  #dropped = 0;
  /** Attempts since the link last stood for a while. */
  #failures = 0;
  #connectedAtMs = 0;
  #notBeforeMs = 0;
  #reconnect: NodeJS.Timeout | undefined;

  constructor(peer: string, options: PeerLinksOptions) {
    this.#peer = peer;
    this.#options = options;
  }

  send(sent: readonly Message[]): void {
    const messages = this.#options.surviving?.(this.#peer, sent) ?? sent;
    if (messages !== sent) this.#drop(Math.max(0, sent.length - messages.length));
    if (messages.length === 0) return;
    const stream = this.#open();
    if (stream === undefined || this.#queue.bytes > MAX_QUEUED_BYTES) {
      this.#drop(messages.length);
      return;
    }
    const { meshId, clockFor } = this.#options;
    const clock = clockFor?.(this.#peer);
    const request = encodeExchange(meshId, messages, this.#introduction(), clock);
    const bytes = sizeOf(messages);
    const queue = this.#queue;
    queue.bytes += bytes;
    this.#sent += messages.length;
    stream.write(request, () => {
      queue.bytes -= bytes;
    });
  }

  introduce(): void {
    const stream = this.#open();
    const introduction = this.#introduction();
    if (introduction !== undefined) {
      stream?.write(encodeExchange(this.#options.meshId, [], introduction));
    }
  }

  /** Ends the wait for the next try, if there is one. */
  retryNow(): void {
    if (this.#stream !== undefined) return;
    // A new client, since one that has failed before keeps a backoff of its own.
    this.#readdress(this.#address);
    this.#open();
  }

  status(): LinkStatus {
    return {
      to: this.#peer,
      connected: this.#connected,
      sentMessages: this.#sent,
      droppedMessages: this.#dropped,
    };
  }

  close(): void {
    clearTimeout(this.#reconnect);
    this.#stream?.cancel();
    this.#client?.close();
    this.#stream = undefined;
    this.#client = undefined;
  }

  /** What this node says of itself, once for each stream. */
  #introduction(): Introduction | undefined {
    if (this.#introducedOn === this.#stream) return undefined;
    this.#introducedOn = this.#stream;
    return this.#options.self;
  }

  #open(): ClientDuplexStream<ExchangeRequest, ExchangeResponse> | undefined {
    const address = this.#options.addressOf(this.#peer);
    if (address !== this.#address) this.#readdress(address);
    if (this.#stream !== undefined) return this.#stream;
    if (address === undefined || performance.now() < this.#notBeforeMs) return undefined;
    this.#client ??= new RaftServiceClient(
      address,
      this.#options.credentials ?? credentials.createInsecure(),
      {
        ...NODE_CHANNEL_OPTIONS,
        "grpc.initial_reconnect_backoff_ms": RECONNECT_MIN_MS,
        interceptors: introducedTo(this.#options.caller, this.#peer),
      },
    );
    const stream = this.#client.exchange();
    const isCurrent = (): boolean => this.#stream === stream;
    stream.on("metadata", () => {
      if (!isCurrent()) return;
      this.#connected = true;
      this.#connectedAtMs = performance.now();
    });
    stream.on("data", () => undefined);
    stream.on("error", (error) => {
      if (isCurrent()) this.#broken(error.message.includes(NOBODY_LISTENS));
    });
    stream.on("end", () => {
      if (isCurrent()) this.#broken(false);
    });
    this.#stream = stream;
    return stream;
  }

  #broken(isGone: boolean): void {
    const nowMs = performance.now();
    if (this.#connected && nowMs - this.#connectedAtMs >= RECONNECT_MAX_MS) this.#failures = 0;
    this.#stream = undefined;
    this.#connected = false;
    this.#queue = { bytes: 0 };
    const waitMs = backoffMs(this.#failures);
    this.#failures += 1;
    this.#notBeforeMs = nowMs + waitMs;
    clearTimeout(this.#reconnect);
    // Also where nothing is to be sent: that is how a follower finds out that its leader is gone.
    this.#reconnect = setTimeout(() => {
      this.#notBeforeMs = 0;
      this.#open();
    }, waitMs).unref();
    this.#options.onUnreachable(this.#peer);
    if (isGone) this.#options.onGone(this.#peer);
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

/** How long a link is left alone that has failed so many times in a row. */
function backoffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** (failures - 1));
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
