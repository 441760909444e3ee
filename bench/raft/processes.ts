// The benchmark's child processes: started, talked to, ended.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import type { Load, Measured } from "./window.js";
import type { Order, Word } from "./words.js";

type WordOf<Kind extends Word["kind"]> = Extract<Word, { kind: Kind }>;

/** A Node process that obeys orders. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #heard: Word[] = [];
  #wake: (() => void) | undefined;

  constructor(program: string, args: readonly string[], execArgv: readonly string[] = []) {
    this.#child = fork(program, args, { execArgv: [...execArgv] });
    this.#child.on("message", (word: Word) => {
      this.#heard.push(word);
      this.#wake?.();
    });
    this.#child.on("exit", () => this.#wake?.());
  }

  order(order: Order): void {
    this.#child.send(order);
  }

  /** The next word of that kind; other kinds wait for whoever asks for them. */
  async hear<Kind extends Word["kind"]>(kind: Kind): Promise<WordOf<Kind>> {
    for (;;) {
      const at = this.#heard.findIndex((word) => word.kind === kind);
      const [word] = at < 0 ? [] : this.#heard.splice(at, 1);
      if (word !== undefined) return word as WordOf<Kind>;
      if (this.#child.exitCode !== null) throw new Error("a process of the benchmark has ended");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async measure(load: Load): Promise<Measured> {
    this.order({ kind: "load", load });
    return (await this.hear("measured")).measured;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }
}

/** Starts a program of another make; what it says is kept for the case that it fails. */
export function startProgram(name: string, args: readonly string[]): () => Promise<void> {
  const child = spawn(name, args, { stdio: "ignore" });
  const ended = once(child, "exit");
  return async () => {
    child.kill();
    await ended;
  };
}
