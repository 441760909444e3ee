// What the next `Ready` will hold: messages, answered reads, a received snapshot chunk.
import type { AppendResponse, Message } from "./message.js";
import type { ReadReady, Write } from "./ready.js";
import type { SnapshotMeta } from "./types.js";

export type ReceivedChunk = NonNullable<Write["snapshotChunk"]>;

export class Outbox {
  messages: Message[] = [];
  /** They promise something that must be on disk before they leave. */
  messagesAfter: Message[] = [];
  reads: ReadReady[] = [];
  chunk: ReceivedChunk | undefined;
  restore: SnapshotMeta | undefined;
  membershipChanged = false;

  send(message: Message): void {
    this.messages.push(message);
  }

  sendAfterWrite(message: Message): void {
    const last = this.messagesAfter.at(-1);
    // Acknowledgements that leave together say no more than the furthest of them.
    if (last !== undefined && isAck(message) && isAck(last) && sameWay(last, message)) {
      if (message.result.matchIndex >= last.result.matchIndex) this.messagesAfter.pop();
      else return;
    }
    this.messagesAfter.push(message);
  }
}

type Acknowledgement = AppendResponse & { readonly result: { readonly success: true } };

function isAck(message: Message): message is Acknowledgement {
  return message.kind === "append-response" && message.result.success;
}

function sameWay(a: Message, b: Message): boolean {
  return a.to === b.to && a.term === b.term && a.admittedAt === b.admittedAt;
}
