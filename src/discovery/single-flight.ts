// Runs an action one at a time; whoever asks while it runs gets the run after it, one for all.

export class SingleFlight {
  readonly #action: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param action must not reject for reasons that nobody waits for */
  constructor(action: () => Promise<void>) {
    this.#action = action;
  }

  /** A run that started after this call. */
  run(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const run = this.#action().finally(() => {
      if (this.#running === run) this.#running = undefined;
    });
    this.#running = run;
    return run;
  }
}
