// raft.v1.RaftService: takes in what other nodes' Raft has to say. What the messages mean, and which
// link they came over, is for the receiver.
import { Metadata, status } from "@grpc/grpc-js";

import type {
  ClockReading,
  ExchangeRequest,
  RaftMessage,
  RaftServiceServer,
} from "../gen/raft/v1/raft.js";
import type { EdgeLog } from "./edge-log.js";

export interface RaftServiceOptions {
  /** This node's mesh; a stream that speaks for another one is ended with FAILED_PRECONDITION. */
  readonly meshId: () => string;
  /** Takes one batch; where it throws, the stream is ended and its sender connects again. */
  readonly receive: (meshId: string, messages: readonly RaftMessage[]) => void;
  /** A peer says where it is reached. */
  readonly introduced?: (nodeId: string, address: string) => void;
  /** A peer that has introduced itself says what its clock shows. */
  readonly clock?: (nodeId: string, reading: ClockReading) => void;
  readonly log: EdgeLog;
}

/** raft.v1.RaftService: hands what peers of this mesh send to `receive`; refuses any other peer. */
export function createRaftService(options: RaftServiceOptions): RaftServiceServer {
  const { meshId, receive, log } = options;
  return {
    exchange: (call) => {
      // Nothing is ever answered on the stream: its headers are how the sender learns that it stands.
      call.sendMetadata(new Metadata());
      let refused = false;
      let sender: string | undefined;
      const refuse = (code: status, details: string): void => {
        refused = true;
        call.emit("error", { code, details });
      };
      call.on("data", (batch: ExchangeRequest) => {
        // Batches that were sent before the refusal arrived still come in: they are dropped.
        if (refused) return;
        const own = meshId();
        if (batch.meshId !== own) {
          log.warn({ peer: call.getPeer(), theirs: batch.meshId, own }, "a peer of another mesh");
          refuse(status.FAILED_PRECONDITION, "this node belongs to another mesh");
          return;
        }
        const { introduction, clock } = batch;
        if (introduction !== undefined) {
          sender = introduction.nodeId;
          options.introduced?.(introduction.nodeId, introduction.address);
        }
        if (clock !== undefined && sender !== undefined) options.clock?.(sender, clock);
        try {
          receive(batch.meshId, batch.messages);
        } catch (error) {
          log.error({ err: error, peer: call.getPeer() }, "a batch of Raft messages was refused");
          refuse(status.INVALID_ARGUMENT, "the batch could not be taken");
        }
      });
      call.on("end", () => {
        if (!refused) call.end();
      });
      call.on("error", (error: unknown) => {
        log.debug({ err: error, peer: call.getPeer() }, "a Raft stream ended");
      });
    },
  };
}
