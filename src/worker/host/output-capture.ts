// What the user's code prints, `console.log` and all, line by line and within bounds: unread it would
// pile up, and a flood of it would keep the node busy.
import { LineAllowance, LINES_PER_SECOND, MAX_LINE_LENGTH } from "../log-line.js";

type StreamName = "stdout" | "stderr";

export class OutputCapture {
  readonly #tell: (stream: StreamName, text: string) => void;
  readonly #allowance = new LineAllowance();
  /** What is no whole line yet. */
  readonly #rest = { stdout: "", stderr: "" };

  /** Takes the place of this thread's or process's output; `tell` is called for each line. */
  constructor(tell: (stream: StreamName, text: string) => void) {
    this.#tell = tell;
    for (const name of ["stdout", "stderr"] as const) {
      process[name].write = (
        chunk: string | Uint8Array,
        encoding?: BufferEncoding | Callback,
        callback?: Callback,
      ) => {
        this.#take(name, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
        const done = typeof encoding === "function" ? encoding : callback;
        if (done !== undefined) process.nextTick(done);
        return true;
      };
    }
  }

  #take(stream: StreamName, chunk: string): void {
    const lines = (this.#rest[stream] + chunk).split("\n");
    const rest = lines.pop() ?? "";
    // A line that never ends is told in pieces.
    if (rest.length > MAX_LINE_LENGTH) lines.push(rest);
    this.#rest[stream] = rest.length > MAX_LINE_LENGTH ? "" : rest;
    for (const line of lines) this.#line(stream, line);
  }

  #line(stream: StreamName, text: string): void {
    if (text === "" || !this.#allowance.take(Date.now())) return;
    const heldBack = this.#allowance.takeHeldBack();
    if (heldBack > 0) {
      this.#tell(stream, `${heldBack} lines left out: ${LINES_PER_SECOND} a second are kept`);
    }
    this.#tell(stream, text.slice(0, MAX_LINE_LENGTH));
  }
}

type Callback = (error?: Error | null) => void;
