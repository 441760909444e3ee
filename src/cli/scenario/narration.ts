// How a scenario tells what happens: a line with its time for each event, and on a terminal one more
// line below that shows how far the tasks are.
import { paint } from "../output.js";

const BAR_CELLS = 24;
const CLEAR_LINE = "\r\u001b[2K";
const TIME_WIDTH = 6;

/** Where a scenario tells its story. */
export class Narration {
  readonly #out: NodeJS.WriteStream;
  readonly #startedMs = performance.now();
  #hasProgress = false;

  /** @param out standard output; standard error where standard output is for the figures alone */
  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** Milliseconds since the story began. */
  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** A line without a time. */
  line(text = ""): void {
    this.endProgress();
    this.#out.write(`${text}\n`);
  }

  /** Something that happens now. */
  say(text: string): void {
    const seconds = (this.elapsedMs / 1_000).toFixed(2).padStart(TIME_WIDTH);
    this.line(`${paint("dim", `${seconds} s`)}  ${text}`);
  }

  /** How far it is; shown on a terminal only, where the next call takes its place. */
  progress(done: number, total: number, text: string): void {
    if (!this.#out.isTTY) return;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * BAR_CELLS);
    const bar = paint("cyan", "█".repeat(filled)) + paint("dim", "░".repeat(BAR_CELLS - filled));
    this.#out.write(`${CLEAR_LINE}${" ".repeat(TIME_WIDTH + 2)}  ${bar} ${done}/${total} ${text}`);
    this.#hasProgress = true;
  }

  /** Takes the progress away, so that the next line begins a line of its own. */
  endProgress(): void {
    if (this.#hasProgress) this.#out.write(CLEAR_LINE);
    this.#hasProgress = false;
  }
}
