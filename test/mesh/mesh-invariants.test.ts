// The check of the invariants sees each kind of breach: a check that finds nothing anywhere would
// prove nothing of the meshes that it is run on.
import { describe, expect, test } from "vitest";
import type { JournalLine } from "../support/journal.js";
import type { RoleChange, Submission } from "../support/mesh-history.js";
import type { TaskView } from "../support/mesh-http.js";
import { faultsOf } from "../support/mesh-invariants.js";

const attempt = (workerId: string, fence: number, outcome: string) => ({
  attempt: 1,
  workerId,
  fence,
  outcome,
  startedAt: null,
  finishedAt: null,
});
const task = (more: Partial<TaskView> = {}): TaskView => ({
  id: "t1",
  type: "hold",
  data: { mark: "mark-1" },
  queue: "default",
  priority: 5,
  status: "completed",
  attempts: 1,
  workerId: "n1",
  fence: 5,
  result: null,
  error: null,
  progress: null,
  createdAt: "",
  startedAt: null,
  finishedAt: null,
  deadlineAt: null,
  uniqueKey: null,
  waitsFor: [],
  history: [attempt("n1", 5, "completed")],
  ...more,
});
const line = (event: JournalLine["event"], node: string, fence: number, atMs: number) => ({
  event,
  id: "t1",
  attempt: 1,
  fence,
  pid: 1,
  node,
  atNs: String(atMs * 1_000_000),
});
const acknowledged: Submission = { kind: "acknowledged", mark: "mark-1", id: "t1" };
const leads = (node: string, term: number): RoleChange => ({
  node,
  term,
  role: "leader",
  leader: node,
});
const whole = {
  submissions: [acknowledged],
  roles: [leads("n1", 1), leads("n2", 2)],
  lines: [line("started", "n1", 5, 10), line("ended", "n1", 5, 20)],
  tasks: [task()],
};

describe("the invariants", () => {
  test("hold of a task that ran once", () => {
    expect(faultsOf(whole)).toEqual([]);
  });

  test("hold of a task that was taken away from a node which had been told to stop", () => {
    const history = [attempt("n1", 5, "lost"), attempt("n2", 9, "completed")];
    const lines = [
      line("started", "n1", 5, 10),
      line("aborted", "n1", 5, 15),
      line("started", "n2", 9, 16),
      line("ended", "n1", 5, 18),
      line("ended", "n2", 9, 30),
    ];

    expect(faultsOf({ ...whole, lines, tasks: [task({ history })] })).toEqual([]);
  });

  test.each([
    ["t1 was lost", { tasks: [] }],
    ["mark-1 was refused and is there", { submissions: [refused()] }],
    [
      "t1 is completed and was completed 2 times",
      {
        tasks: [task({ history: [attempt("n1", 5, "completed"), attempt("n1", 6, "completed")] })],
      },
    ],
    [
      "t1 has fences out of order: 5, 4",
      { tasks: [task({ history: [attempt("n1", 5, "lost"), attempt("n1", 4, "completed")] })] },
    ],
    [
      "t1 had two owners for 2.0 ms: n1 (fence 5) and n2 (fence 9)",
      {
        lines: [
          line("started", "n1", 5, 10),
          line("started", "n2", 9, 18),
          line("aborted", "n1", 5, 20),
        ],
      },
    ],
    [
      "t1 had two owners from its start under fence 9: n1 (fence 5) and n2 (fence 9)",
      { lines: [line("started", "n1", 5, 10), line("started", "n2", 9, 18)] },
    ],
    [
      "t1 was started twice under one fence: n1 (fence 5) and n2 (fence 5)",
      { lines: [line("started", "n1", 5, 10), line("started", "n2", 5, 30)] },
    ],
    [
      "t1 was run by n2 under fence 5, which was n1's",
      { lines: [line("started", "n2", 5, 10), line("ended", "n2", 5, 20)] },
    ],
    ["term 1 had several leaders: n1, n2", { roles: [leads("n1", 1), leads("n2", 1)] }],
  ])("do not hold where %s", (fault, breach) => {
    expect(faultsOf({ ...whole, ...breach })).toContain(fault);
  });
});

function refused(): Submission {
  return { kind: "refused", mark: "mark-1", code: "no_leader" };
}
