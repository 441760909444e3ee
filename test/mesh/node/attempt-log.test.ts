import { describe, expect, test } from "vitest";
import { writeFailure } from "../../../src/mesh/node/attempt-log.js";
import type { FailedResult } from "../../../src/worker/executor-options.js";
import { failureOf } from "../../../src/worker/outcome.js";
import { assignmentOf } from "../../worker/support.js";

/** The lines of warning that a result leaves. */
function warningsOf(result: FailedResult): readonly (readonly [unknown, string])[] {
  const warnings: [unknown, string][] = [];
  const warn = (fields: unknown, message: string): void => {
    warnings.push([fields, message]);
  };
  writeFailure({ warn } as never, assignmentOf("resize", { attempt: 2 }), result);
  return warnings;
}

describe("what a failed attempt leaves in the log of its node", () => {
  test("is one line that names task, type, attempt and error, with the stacks of its causes", () => {
    const error = new Error("no image", { cause: new RangeError("too short") });

    const [[fields, message] = [], ...more] = warningsOf({
      kind: "failure",
      failure: failureOf(error),
    });

    expect(message).toBe("an attempt failed: Error: no image");
    expect(fields).toEqual({
      taskId: "t1",
      taskType: "resize",
      attempt: 2,
      err: {
        type: "Error",
        message: "no image",
        stack: expect.stringContaining("caused by: RangeError: too short") as unknown,
      },
    });
    expect(more).toEqual([]);
  });

  test("says why it was handed back", () => {
    const reason = "the handler host ended: resize (task t2) called process.exit(1)";

    expect(warningsOf({ kind: "given-back", reason, lost: false })).toEqual([
      [{ taskId: "t1", taskType: "resize", attempt: 2 }, `an attempt was handed back: ${reason}`],
    ]);
  });
});
