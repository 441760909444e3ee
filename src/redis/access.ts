// Whether the user of a connection may call all that taskmesh calls: a script that is kept from a command
// in its middle leaves its work half done.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";
import { errorCode, isErrorReply } from "./error-reply.js";

const source = readFileSync(new URL("./scripts/access.lua", import.meta.url), "utf8");
const digest = createHash("sha1").update(source).digest("hex");

/** Commands that are named; the others are counted. */
const MAX_NAMED = 5;

/** What somebody has to do about it. */
export const ACCESS_REMEDY = "let that user run every command on the keys and channels of the mesh";

/**
 * Tries every command, and scripts both by source and by digest.
 *
 * @param prefix of the keys that the mesh uses
 * @returns what is denied, in words; undefined where all is allowed
 * @throws what the connection throws, and error replies of other reasons, such as BUSY
 */
export async function deniedAccess(redis: Redis, prefix: string): Promise<string | undefined> {
  try {
    const denied = (await redis.eval(source, 1, prefix)) as string[];
    if (denied.length > 0) return inWords(denied);
    await redis.evalsha(digest, 1, prefix);
    return undefined;
  } catch (error) {
    return denialOf(error);
  }
}

/** Whether the user may listen to a channel; the connection then does, and is good for nothing else. */
export async function deniedChannel(redis: Redis, channel: string): Promise<string | undefined> {
  try {
    await redis.subscribe(channel);
    return undefined;
  } catch (error) {
    return denialOf(error);
  }
}

/** A command may be taken from the user, or from the server altogether. */
function denialOf(error: unknown): string {
  if (isErrorReply(error)) {
    if (errorCode(error) === "NOPERM" || /unknown command/i.test(error.message)) {
      return error.message;
    }
  }
  throw error;
}

/** @param denied command, why, command, why, … */
function inWords(denied: readonly string[]): string {
  const commands = denied.filter((_, at) => at % 2 === 0);
  const more = commands.length > MAX_NAMED ? ` and ${commands.length - MAX_NAMED} more` : "";
  return `NOPERM its user may not call ${commands.slice(0, MAX_NAMED).join(", ")}${more}`;
}
