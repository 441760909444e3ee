// A body on its way in: read no faster than there is room for it, and ended where it comes too slowly
// for what it holds.
import { Transform, type TransformCallback } from "node:stream";
import type { BodyCharge } from "./body-pool.js";
import { HttpProblem } from "./problem.js";

export interface BodyPace {
  /** How long a body waits for room before it is refused, in milliseconds. */
  readonly waitMs: number;
  /** A body that holds more than this must come on. */
  readonly patientBytes: number;
  /** So much of it, within each `lookMs`. */
  readonly leastBytes: number;
  readonly lookMs: number;
}

export class MeteredBody extends Transform {
  readonly #charge: BodyCharge;
  readonly #pace: BodyPace;
  readonly #timer: NodeJS.Timeout;
  #arrivedBytes = 0;
  #isWaiting = false;
  /** It waited for room at the last look: what came since then says nothing of its client. */
  #hasWaited = false;

  constructor(charge: BodyCharge, pace: BodyPace) {
    super();
    this.#charge = charge;
    this.#pace = pace;
    this.#timer = setInterval(() => this.#look(), pace.lookMs);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#arrivedBytes += chunk.byteLength;
    this.#isWaiting = true;
    this.#charge.add(chunk.byteLength, this.#pace.waitMs, (granted) => {
      this.#isWaiting = false;
      if (granted) done(null, chunk);
      else done(tooMany());
    });
  }

  override _flush(done: TransformCallback): void {
    this.#charge.whole();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#timer);
    done(error);
  }

  #look(): void {
    const { patientBytes, leastBytes, lookMs } = this.#pace;
    const isSlow = this.#charge.bytes > patientBytes && this.#arrivedBytes < leastBytes;
    const isExcused = this.#isWaiting || this.#hasWaited || this.writableEnded;
    this.#hasWaited = this.#isWaiting;
    this.#arrivedBytes = 0;
    if (!isSlow || isExcused) return;
    const detail = `the body comes too slowly: past ${patientBytes} bytes, ${leastBytes} every ${lookMs} ms`;
    this.destroy(new HttpProblem(408, "malformed_request", detail));
  }
}

/** Of a body for which there was no room in time. */
export function tooMany(): HttpProblem {
  const detail = "the bodies of other requests take all the room that there is for them";
  return new HttpProblem(503, "overloaded", detail, { retryAfterMs: 1_000 });
}
