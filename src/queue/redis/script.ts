// Loads the Lua scripts and runs them by digest. A script may include pieces, one level deep, with
// a line `--- @include "piece.lua"`.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";
import { errorCode, isErrorReply } from "../../redis/error-reply.js";

const INCLUDE = /^--- @include "([a-z-]+\.lua)"$/gm;

/** A script that runs in one atomic step. */
export class RedisScript {
  readonly #source: string;
  readonly #digest: string;

  /** @param file name of a file in scripts/ */
  constructor(file: string) {
    this.#source = readScript(file).replace(INCLUDE, (_line, piece: string) => readPiece(piece));
    this.#digest = createHash("sha1").update(this.#source).digest("hex");
  }

  /**
   * Runs the script; strings in the reply come as bytes. A server that does not know it, because it
   * was restarted or flushed, gets its source.
   */
  async run(
    redis: Redis,
    prefix: string,
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    try {
      return await redis.callBuffer("EVALSHA", [this.#digest, 1, prefix, ...args]);
    } catch (error) {
      if (!isErrorReply(error) || errorCode(error) !== "NOSCRIPT") throw error;
      return await redis.callBuffer("EVAL", [this.#source, 1, prefix, ...args]);
    }
  }
}

function readScript(file: string): string {
  return readFileSync(new URL(`./scripts/${file}`, import.meta.url), "utf8");
}

function readPiece(file: string): string {
  const source = readScript(file);
  if (source.search(INCLUDE) >= 0) throw new Error(`${file} is included and includes in turn`);
  return source;
}
