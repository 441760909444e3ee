// The place of a task in the order of submission: one number made of log index and position.

/** Most tasks that one log entry may submit. */
export const MAX_TASKS_PER_ENTRY = 16_384;

/** Above this index a sequence would not fit into the 53 bits that Redis scores keep exactly. */
const MAX_INDEX = 2 ** 39 - 1;

/**
 * Sequence of the task at `position` (from 0) among all tasks that the entry at `index` submits,
 * duplicates counted. Smaller is older.
 * @throws RangeError past the bounds of either.
 */
export function taskSequence(index: number, position: number): number {
  if (!Number.isInteger(index) || index < 0 || index > MAX_INDEX) {
    throw new RangeError(`log index ${index} is out of range`);
  }
  if (!Number.isInteger(position) || position < 0 || position >= MAX_TASKS_PER_ENTRY) {
    throw new RangeError(`position ${position} is out of range`);
  }
  return index * MAX_TASKS_PER_ENTRY + position;
}
