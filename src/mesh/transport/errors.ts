// What the messages of Raft can be wrong with on their way between nodes.

/** Thrown for a message that no node of this version sends. */
export class MalformedRaftMessage extends Error {
  override readonly name = "MalformedRaftMessage";
}
