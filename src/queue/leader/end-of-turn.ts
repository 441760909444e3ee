// What is done once, at the end of a turn of the event loop, with all that the turn has gathered.
export class EndOfTurn {
  readonly #run: () => void;
  #due: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** There is something to do: once, however often it is asked for in this turn. */
  request(): void {
    if (this.#stopped) return;
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      this.#run();
    });
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#due);
  }
}
