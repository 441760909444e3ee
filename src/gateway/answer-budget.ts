// Bounds the answers that wait for their clients to read them. A large one is written as its client takes
// it, so that it can be told whether it does.
import { Readable } from "node:stream";
import type { ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";

/** A smaller one is in the system's hands at once, or holds no more than a connection does anyway. */
const LARGE_ANSWER_BYTES = 65_536;
const PIECE_BYTES = 65_536;

export interface AnswerBudget {
  /** Of all large answers that are being read together; past it the one in hand the longest is cut off. */
  readonly maxBytes: number;
  /** An answer in hand for less is not cut off for others, in milliseconds. */
  readonly patienceMs: number;
  /** An answer of which nothing is taken for so long is cut off, in milliseconds. */
  readonly stallMs: number;
}

interface Answer {
  readonly bytes: number;
  readonly sinceMs: number;
  readonly cutOff: () => void;
}

/** Cuts off clients that do not read what they asked for: their connections are closed. */
export function boundAnswers(app: FastifyInstance, budget: AnswerBudget): void {
  const answers = new Set<Answer>();
  let heldBytes = 0;
  const makeRoom = (): void => {
    const oldEnoughMs = performance.now() - budget.patienceMs;
    for (const { sinceMs, cutOff } of answers) {
      if (heldBytes <= budget.maxBytes || sinceMs > oldEnoughMs) return;
      cutOff();
    }
  };
  app.addHook("onSend", (_request, reply, payload, done) => {
    const length = typeof payload === "string" || Buffer.isBuffer(payload) ? payload.length : 0;
    if (length <= LARGE_ANSWER_BYTES) {
      done(null, payload);
      return;
    }
    const bytes = Buffer.from(payload as string | Buffer);
    const response = reply.raw;
    const answer = {
      bytes: bytes.byteLength,
      sinceMs: performance.now(),
      cutOff: () => {
        gone();
        response.destroy();
      },
    };
    const gone = (): void => {
      if (answers.delete(answer)) heldBytes -= answer.bytes;
    };
    answers.add(answer);
    heldBytes += answer.bytes;
    response.once("close", gone);
    makeRoom();
    reply.header("content-length", bytes.byteLength);
    done(null, new TakenInPieces(bytes, response, budget.stallMs));
  });
}

/** The answer piece by piece, each when the one before is taken. */
class TakenInPieces extends Readable {
  readonly #bytes: Buffer;
  readonly #timer: NodeJS.Timeout;
  #at = 0;

  constructor(bytes: Buffer, response: ServerResponse, stallMs: number) {
    super({ highWaterMark: PIECE_BYTES });
    this.#bytes = bytes;
    this.#timer = setTimeout(() => response.destroy(), stallMs);
    response.once("close", () => clearTimeout(this.#timer));
  }

  override _read(): void {
    this.#timer.refresh();
    const piece = this.#bytes.subarray(this.#at, this.#at + PIECE_BYTES);
    this.#at += piece.byteLength;
    this.push(piece.byteLength === 0 ? null : piece);
  }
}
