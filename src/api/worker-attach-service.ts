// mesh.v1.WorkerService: each node's stream to the leader as a session for whoever keeps the workers.
import type { ServerDuplexStream } from "@grpc/grpc-js";

import {
  type AttachRequest,
  type AttachResponse,
  type LeaseGrant,
  type TaskLog,
  type TaskProgress,
  type TaskReport,
  type WorkerHello,
  type WorkerServiceServer,
  WorkerServiceService,
} from "../gen/mesh/v1/worker_service.js";
import { QueueError } from "../queue/errors.js";
import { boundedRequests } from "./bounded-service.js";
import type { EdgeLog } from "./edge-log.js";
import { MAX_ATTACH_MESSAGE_BYTES } from "./limits.js";
import type { ServedService } from "./readable-requests.js";
import { statusFrom } from "./status.js";
import type { LeadershipView } from "./task-backend.js";

/** One attached worker, from its first hello to the end of its stream. */
export interface WorkerSession {
  readonly nodeId: string;
  /** The first one; later ones come by `WorkerSessions.hello`. */
  readonly hello: WorkerHello;
  /**
   * Answers the keepalive of `sequence`. Dropped where the worker does not read: an answer that
   * waits is worth less than the one to its next keepalive.
   */
  sendLease(sequence: number, lease: Omit<LeaseGrant, "sequence">): void;
  /** Ends the stream with FAILED_PRECONDITION and `reason`; `detached` follows. */
  close(reason: string): void;
}

/**
 * What the leader does with its workers. `attached` comes first, `detached` last, each once; a node
 * that connects again before its old stream is seen to end has two sessions for a while.
 */
export interface WorkerSessions {
  /** May throw QueueError to refuse the worker: `detached` does not follow then. */
  attached(session: WorkerSession): void;
  /** The worker's description changed. */
  hello(session: WorkerSession, hello: WorkerHello): void;
  keepalive(session: WorkerSession, sequence: number): void;
  reports(session: WorkerSession, reports: readonly TaskReport[]): void;
  progress(session: WorkerSession, progress: readonly TaskProgress[]): void;
  /** What its handlers have written down. */
  lines(session: WorkerSession, logs: readonly TaskLog[]): void;
  detached(session: WorkerSession): void;
}

export interface WorkerAttachOptions {
  readonly leadership: LeadershipView;
  readonly sessions: WorkerSessions;
  readonly log: EdgeLog;
  /** Default 32 MiB. */
  readonly maxMessageBytes?: number;
}

/** Serves Attach while this node leads; when it stops leading every stream is ended. */
export function createWorkerAttachService(options: WorkerAttachOptions): ServedService {
  const implementation: WorkerServiceServer = {
    attach: (call) => {
      new AttachedStream(call, options).start();
    },
  };
  const maxBytes = options.maxMessageBytes ?? MAX_ATTACH_MESSAGE_BYTES;
  return { definition: boundedRequests(WorkerServiceService, maxBytes), implementation };
}

class AttachedStream {
  readonly #call: ServerDuplexStream<AttachRequest, AttachResponse>;
  readonly #options: WorkerAttachOptions;
  #session: WorkerSession | undefined;
  #ended = false;
  #unsubscribe: (() => void) | undefined;

  constructor(
    call: ServerDuplexStream<AttachRequest, AttachResponse>,
    options: WorkerAttachOptions,
  ) {
    this.#call = call;
    this.#options = options;
  }

  start(): void {
    if (!this.#leads()) {
      this.#refuse(notLeader());
      return;
    }
    this.#unsubscribe = this.#options.leadership.onChange(() => {
      if (!this.#leads()) this.#refuse(notLeader());
    });
    this.#call.on("data", (request: AttachRequest) => {
      this.#receive(request);
    });
    this.#call.on("end", () => {
      if (this.#end()) this.#call.end();
    });
    this.#call.on("cancelled", () => {
      this.#end();
    });
    this.#call.on("error", (error: unknown) => {
      this.#options.log.debug(
        { err: error, peer: this.#call.getPeer() },
        "a worker's stream ended",
      );
      this.#end();
    });
  }

  #receive(request: AttachRequest): void {
    if (this.#ended) return;
    try {
      this.#dispatch(request);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #dispatch({ kind }: AttachRequest): void {
    const { sessions } = this.#options;
    const session = this.#session;
    // A kind of a later version: nothing that this one could do with it.
    if (kind === undefined) return;
    if (session === undefined) {
      if (kind.$case !== "hello" || kind.value.nodeId === "") {
        throw new QueueError("invalid_field", "the first message must be a hello with a node id", {
          field: "hello.node_id",
        });
      }
      const opened = this.#open(kind.value);
      sessions.attached(opened);
      // From here on `detached` is owed; the receiver may have closed the session meanwhile.
      if (this.#ended) sessions.detached(opened);
      else this.#session = opened;
      return;
    }
    switch (kind.$case) {
      case "hello":
        if (kind.value.nodeId !== session.nodeId) {
          throw new QueueError("invalid_field", "a stream speaks for one node", {
            field: "hello.node_id",
          });
        }
        sessions.hello(session, kind.value);
        return;
      case "keepalive":
        sessions.keepalive(session, kind.value.sequence);
        return;
      case "reports":
        sessions.reports(session, kind.value.reports);
        return;
      case "progress":
        sessions.progress(session, kind.value.tasks);
        return;
      case "logs":
        sessions.lines(session, kind.value.tasks);
        return;
    }
  }

  #open(hello: WorkerHello): WorkerSession {
    return {
      nodeId: hello.nodeId,
      hello,
      sendLease: (sequence, lease) => {
        if (this.#ended || this.#call.writableNeedDrain) return;
        this.#call.write({ kind: { $case: "lease", value: { sequence, ...lease } } });
      },
      close: (reason) => {
        this.#refuse(new QueueError("not_leader", reason));
      },
    };
  }

  #refuse(error: unknown): void {
    if (!this.#end()) return;
    this.#call.emit("error", statusFrom(error, this.#options.log, this.#call.getPath()));
  }

  /** True for the first caller only. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#unsubscribe?.();
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) this.#options.sessions.detached(session);
    return true;
  }

  #leads(): boolean {
    return this.#options.leadership.leadership().kind === "self";
  }
}

const notLeader = (): QueueError => new QueueError("not_leader", "this node does not lead");
