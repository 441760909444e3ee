// Ids that tasks get where they enter the mesh.
import { randomInt } from "node:crypto";
import { monotonicFactory } from "ulid";

const CHARACTERS = 32;

/** Each call of the result returns a new ULID, greater than the one before it. */
export function taskIds(): () => string {
  // randomInt lives on bytes that it fetches thousands at a time. ulid's own source asks the system
  // for each character: 33 µs an id.
  return monotonicFactory(() => randomInt(CHARACTERS) / CHARACTERS);
}
