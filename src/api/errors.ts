// Errors of the gRPC edge itself, as opposed to the refusals of the queue (src/queue/errors.ts).
import { joinHostPort } from "../input/host-port.js";

/** Thrown at start where another process listens on the address. */
export class PortTaken extends Error {
  override readonly name = "PortTaken";

  constructor(
    readonly host: string,
    readonly port: number,
    cause: unknown,
  ) {
    super(`${joinHostPort(host, port)} is taken by another process`, { cause });
  }
}

/** Thrown at start where the address cannot be listened on for another reason. */
export class BindFailed extends Error {
  override readonly name = "BindFailed";

  constructor(
    readonly host: string,
    readonly port: number,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`cannot listen on ${joinHostPort(host, port)}: ${reason}`, { cause });
  }
}
