import { type ClientDuplexStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, test, vi } from "vitest";

import { MAX_ATTACH_MESSAGE_BYTES } from "../../src/api/limits.js";
import { createRaftService, type RaftServiceOptions } from "../../src/api/raft-service.js";
import { createGrpcServer } from "../../src/api/server.js";
import { problemOf } from "../../src/api/status.js";
import {
  createWorkerAttachService,
  type WorkerSession,
  type WorkerSessions,
} from "../../src/api/worker-attach-service.js";
import {
  type AttachRequest,
  type AttachResponse,
  type LeaseGrant,
  TaskReport,
  WorkerHello,
  WorkerServiceClient,
} from "../../src/gen/mesh/v1/worker_service.js";
import {
  type ExchangeRequest,
  RaftServiceClient,
  RaftServiceService,
} from "../../src/gen/raft/v1/raft.js";
import { QueueError } from "../../src/queue/errors.js";
import { afterTest, DirectedLeadership, RecordingLog } from "./support.js";

type WorkerStream = ClientDuplexStream<AttachRequest, AttachResponse>;

class RecordingSessions implements WorkerSessions {
  readonly events: unknown[] = [];
  readonly open: WorkerSession[] = [];
  refusal: QueueError | undefined;

  attached(session: WorkerSession): void {
    if (this.refusal !== undefined) throw this.refusal;
    this.open.push(session);
    this.events.push(["attached", session.nodeId, session.hello.concurrency]);
  }
  hello(session: WorkerSession, hello: WorkerHello): void {
    this.events.push(["hello", session.nodeId, hello.draining]);
  }
  keepalive(session: WorkerSession, sequence: number): void {
    this.events.push(["keepalive", session.nodeId, sequence]);
    session.sendLease(sequence, { leaseMs: 600, term: 3, index: 9 });
  }
  lines(): void {
    // Not of interest here.
  }
  progress(): void {
    return undefined;
  }

  reports(session: WorkerSession, reports: readonly TaskReport[]): void {
    this.events.push(["reports", session.nodeId, reports.map(({ taskId }) => taskId)]);
  }
  detached(session: WorkerSession): void {
    this.events.push(["detached", session.nodeId]);
  }
}

async function startLeader(maxMessageBytes?: number) {
  const leadership = new DirectedLeadership();
  leadership.become({ kind: "self" });
  const sessions = new RecordingSessions();
  const log = new RecordingLog();
  const server = await createGrpcServer({
    host: "127.0.0.1",
    port: 0,
    services: [
      createWorkerAttachService({
        leadership,
        sessions,
        log,
        ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
      }),
    ],
  });
  afterTest(() => server.close(0));
  const client = new WorkerServiceClient(server.address, credentials.createInsecure());
  afterTest(() => client.close());
  return { leadership, sessions, client, log };
}

const helloOf = (overrides: Partial<WorkerHello> = {}): AttachRequest => ({
  kind: {
    $case: "hello",
    value: { ...WorkerHello.decode(new Uint8Array()), nodeId: "n1", concurrency: 5, ...overrides },
  },
});
const keepaliveOf = (sequence: number): AttachRequest => ({
  kind: { $case: "keepalive", value: { sequence } },
});
const reportsOf = (...taskIds: string[]): AttachRequest => ({
  kind: {
    $case: "reports",
    value: {
      reports: taskIds.map((taskId) => ({ ...TaskReport.decode(new Uint8Array()), taskId })),
    },
  },
});

/** How a stream ended; set before anything is sent. */
function endOf(stream: { on(event: "error", listener: (error: ServiceError) => void): unknown }) {
  return new Promise<ServiceError>((resolve) => stream.on("error", resolve));
}

function attach(client: WorkerServiceClient): { stream: WorkerStream; end: Promise<ServiceError> } {
  const stream = client.attach();
  stream.on("data", () => undefined);
  return { stream, end: endOf(stream) };
}

describe("Attach", () => {
  test("turns a stream into a session, from its hello to its end", async () => {
    const { sessions, client } = await startLeader();
    const { stream } = attach(client);
    const leases: LeaseGrant[] = [];
    stream.on("data", ({ kind }: AttachResponse) => kind && leases.push(kind.value));
    for (const message of [
      helloOf(),
      keepaliveOf(7),
      reportsOf("a", "b"),
      helloOf({ draining: true }),
    ]) {
      stream.write(message);
    }
    await vi.waitFor(() =>
      expect(leases).toEqual([{ sequence: 7, leaseMs: 600, term: 3, index: 9 }]),
    );
    stream.end();
    await vi.waitFor(() =>
      expect(sessions.events).toEqual([
        ["attached", "n1", 5],
        ["keepalive", "n1", 7],
        ["reports", "n1", ["a", "b"]],
        ["hello", "n1", true],
        ["detached", "n1"],
      ]),
    );
  });

  test("is refused by a node that does not lead", async () => {
    const { leadership, sessions, client } = await startLeader();
    leadership.become({ kind: "other", id: "n2", address: "127.0.0.1:1" });
    const { stream, end } = attach(client);
    stream.write(helloOf());
    const error = await end;
    expect(error.code).toBe(status.FAILED_PRECONDITION);
    expect(problemOf(error)).toMatchObject({ code: "not_leader" });
    expect(sessions.events).toEqual([]);
  });

  test("ends when the node stops leading, and no listener is left behind", async () => {
    const { leadership, sessions, client } = await startLeader();
    const { stream, end } = attach(client);
    stream.write(helloOf());
    await vi.waitFor(() => expect(sessions.open).toHaveLength(1));
    leadership.become({ kind: "unknown" });
    expect((await end).code).toBe(status.FAILED_PRECONDITION);
    expect(sessions.events.at(-1)).toEqual(["detached", "n1"]);
    expect(leadership.listenerCount).toBe(0);
  });

  test("ends once when the session is closed, and sends no lease after", async () => {
    const { sessions, client } = await startLeader();
    const { stream, end } = attach(client);
    stream.write(helloOf());
    await vi.waitFor(() => expect(sessions.open).toHaveLength(1));
    const [session] = sessions.open;
    session?.close("drained");
    session?.close("again");
    session?.sendLease(1, { leaseMs: 600, term: 1, index: 1 });
    expect((await end).details).toBe("drained");
    expect(sessions.events.slice(1)).toEqual([["detached", "n1"]]);
  });

  test("ends its session when the worker vanishes", async () => {
    const { sessions, client } = await startLeader();
    const { stream } = attach(client);
    stream.write(helloOf());
    await vi.waitFor(() => expect(sessions.open).toHaveLength(1));
    stream.cancel();
    await vi.waitFor(() => expect(sessions.events.at(-1)).toEqual(["detached", "n1"]));
  });

  test.each([
    ["a keepalive before the hello", [keepaliveOf(1)], []],
    ["a hello without a node id", [helloOf({ nodeId: "" })], []],
    ["a hello of another node", [helloOf(), helloOf({ nodeId: "n2" })], ["attached", "detached"]],
  ])("is refused on %s", async (_name, messages, events) => {
    const { sessions, client } = await startLeader();
    const { stream, end } = attach(client);
    for (const message of messages) stream.write(message);
    const error = await end;
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(problemOf(error)).toMatchObject({ field: "hello.node_id" });
    expect(sessions.events.map((event) => (event as string[])[0])).toEqual(events);
  });

  test("is refused where the receiver refuses, without a session to end", async () => {
    const { sessions, client } = await startLeader();
    sessions.refusal = new QueueError("overloaded", "too many workers");
    const { stream, end } = attach(client);
    stream.write(helloOf());
    expect((await end).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(sessions.events).toEqual([]);
  });

  test.each([
    ["that is set", 1_000, 1_001],
    ["of a node", undefined, MAX_ATTACH_MESSAGE_BYTES + 1],
  ])("ends on a message over the bound %s", async (_which, maxMessageBytes, length) => {
    const { sessions, client } = await startLeader(maxMessageBytes);
    const { stream, end } = attach(client);
    stream.write(helloOf());
    stream.write(reportsOf("x".repeat(length)));
    expect((await end).code).toBe(status.INTERNAL);
    await vi.waitFor(() =>
      expect(sessions.events.map((event) => (event as string[])[0])).toEqual([
        "attached",
        "detached",
      ]),
    );
  });
});

describe("Exchange", () => {
  async function startRaft(receive: RaftServiceOptions["receive"]) {
    const implementation = createRaftService({
      meshId: () => "mesh-a",
      receive,
      log: new RecordingLog(),
    });
    const server = await createGrpcServer({
      host: "127.0.0.1",
      port: 0,
      services: [{ definition: RaftServiceService, implementation }],
    });
    afterTest(() => server.close(0));
    const client = new RaftServiceClient(server.address, credentials.createInsecure());
    afterTest(() => client.close());
    const stream = client.exchange();
    stream.on("data", () => undefined);
    return stream;
  }
  const batchOf = (meshId: string, term = 1): ExchangeRequest => ({
    meshId,
    messages: [{ from: "n2", to: "n1", term, admittedAt: 0, kind: undefined }],
    introduction: undefined,
    clock: undefined,
  });

  test("hands each batch on, in order", async () => {
    const seen: unknown[] = [];
    const stream = await startRaft((meshId, messages) =>
      seen.push([meshId, ...messages.map(({ term }) => term)]),
    );
    for (const term of [1, 2, 3]) stream.write(batchOf("mesh-a", term));
    await vi.waitFor(() =>
      expect(seen).toEqual([
        ["mesh-a", 1],
        ["mesh-a", 2],
        ["mesh-a", 3],
      ]),
    );
    const ended = new Promise((resolve) => stream.once("end", resolve));
    stream.end();
    await ended;
  });

  test("refuses a peer of another mesh, and what it sent behind", async () => {
    const seen: string[] = [];
    const stream = await startRaft((meshId) => seen.push(meshId));
    const end = endOf(stream);
    for (const meshId of ["mesh-b", "mesh-a"]) stream.write(batchOf(meshId));
    expect((await end).code).toBe(status.FAILED_PRECONDITION);
    expect(seen).toEqual([]);
  });

  test("ends the stream where a batch cannot be taken", async () => {
    const stream = await startRaft(() => {
      throw new Error("unknown peer");
    });
    const end = endOf(stream);
    stream.write(batchOf("mesh-a"));
    const error = await end;
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).not.toContain("unknown peer");
  });
});
