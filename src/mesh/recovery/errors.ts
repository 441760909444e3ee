// What keeps a recovery or a backup from being done, told in one line.

/** Thrown where going on would lose or damage something; nothing was changed. */
export class RecoveryRefused extends Error {
  override readonly name = "RecoveryRefused";
  readonly exitLine: string;

  constructor(exitLine: string, options?: { readonly cause: unknown }) {
    super(exitLine, options);
    this.exitLine = exitLine;
  }
}
