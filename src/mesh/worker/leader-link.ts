// This node's worker, tied to whoever leads by one stream; to this very node, too, where it leads:
// no worker is nearer to the leader than another. When the leader changes, or the stream breaks, it
// ties anew.
import { type ChannelCredentials, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import {
  type AttachRequest,
  type AttachResponse,
  type WorkerHello,
  WorkerServiceClient,
} from "../../gen/mesh/v1/worker_service.js";
import { type Caller, introducedTo } from "../../api/caller-identity.js";
import { NODE_CHANNEL_OPTIONS } from "../../api/channel-options.js";
import type { Leadership } from "../../api/task-backend.js";
import { reportMessages } from "./report-messages.js";
import type { WorkerAgent } from "./worker-agent.js";
import type { LeaderChannel } from "./worker-agent-options.js";

const RECONNECT_MS = 100;

export interface LeaderLinkOptions {
  readonly agent: WorkerAgent;
  /** host:port of this node's own server. */
  readonly ownAddress: string;
  readonly leadership: () => Leadership;
  readonly hello: () => WorkerHello;
  /** This node's mesh, told with each stream. */
  readonly caller?: Caller | undefined;
  /** Default: no TLS. */
  readonly credentials?: ChannelCredentials | undefined;
}

interface Tie {
  readonly leader: string;
  readonly channel: LeaderChannel;
  sayHello(hello: WorkerHello): void;
  cut(): void;
}

export class LeaderLink {
  readonly #options: LeaderLinkOptions;
  #tie: Tie | undefined;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: LeaderLinkOptions) {
    this.#options = options;
  }

  /** The leader may have changed. */
  follow(): void {
    if (this.#stopped) return;
    const leadership = this.#options.leadership();
    const leader = leaderKey(leadership);
    if (this.#tie !== undefined && this.#tie.leader === leader) return;
    this.#cut();
    if (leadership.kind === "unknown") return;
    const { ownAddress, agent } = this.#options;
    const address = leadership.kind === "self" ? ownAddress : leadership.address;
    const leaderId = leadership.kind === "self" ? undefined : leadership.id;
    const tie = this.#tieTo(leader, leaderId, address);
    this.#tie = tie;
    agent.attached(tie.channel);
  }

  /** What the node says of itself has changed. */
  helloChanged(): void {
    this.#tie?.sayHello(this.#options.hello());
  }

  /** Cuts the stream to the leader and opens no other one. */
  stop(): void {
    this.#stopped = true;
    this.#cut();
  }

  #cut(): void {
    clearTimeout(this.#retry);
    const tie = this.#tie;
    this.#tie = undefined;
    if (tie === undefined) return;
    this.#options.agent.detached(tie.channel);
    tie.cut();
  }

  #tieTo(leader: string, leaderId: string | undefined, address: string): Tie {
    const secured = this.#options.credentials ?? credentials.createInsecure();
    const client = new WorkerServiceClient(address, secured, {
      ...NODE_CHANNEL_OPTIONS,
      interceptors: introducedTo(this.#options.caller, leaderId),
    });
    const stream = client.attach();
    stream.on("data", ({ kind }: AttachResponse) => {
      if (kind !== undefined) this.#options.agent.leaseGranted(kind.value);
    });
    const ended = (): void => {
      if (this.#tie?.channel === channel) this.#breakAndRetry();
    };
    stream.on("error", ended);
    stream.on("end", ended);
    const send = (kind: NonNullable<AttachRequest["kind"]>): void => write(stream, kind);
    const channel: LeaderChannel = {
      keepalive: (sequence) => send({ $case: "keepalive", value: { sequence } }),
      progress: (tasks) => send({ $case: "progress", value: { tasks: [...tasks] } }),
      logs: (tasks) => send({ $case: "logs", value: { tasks: [...tasks] } }),
      reports: (reports) => {
        for (const part of reportMessages(reports)) {
          send({ $case: "reports", value: { reports: [...part] } });
        }
      },
    };
    send({ $case: "hello", value: this.#options.hello() });
    return {
      leader,
      channel,
      sayHello: (hello) => send({ $case: "hello", value: hello }),
      cut: () => {
        stream.end();
        stream.cancel();
        client.close();
      },
    };
  }

  #breakAndRetry(): void {
    this.#cut();
    if (this.#stopped) return;
    this.#retry = setTimeout(() => this.follow(), RECONNECT_MS);
  }
}

function write(
  stream: ClientDuplexStream<AttachRequest, AttachResponse>,
  kind: NonNullable<AttachRequest["kind"]>,
): void {
  if (stream.writable) stream.write({ kind });
}

function leaderKey(leadership: Leadership): string {
  switch (leadership.kind) {
    case "self":
      return "self";
    case "other":
      return `${leadership.id}@${leadership.address}`;
    case "unknown":
      return "";
  }
}
