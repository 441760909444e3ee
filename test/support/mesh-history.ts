// What has happened to a mesh from the outside: what was submitted and how that was answered, and who
// led when. Together with the journal of the handlers it is what the invariants are checked against.
import type { RunningNode } from "../../src/mesh/node/node.js";
import type { MeshHttp, ProblemView, TaskView } from "./mesh-http.js";

/** Refusals after which a submission surely was not kept. */
const NOT_KEPT: readonly string[] = ["no_leader", "no_node", "overloaded", "not_ready", "stopping"];

export type Submission = { readonly mark: string } & (
  | { readonly kind: "acknowledged"; readonly id: string }
  /** It must not be there. */
  | { readonly kind: "refused"; readonly code: string }
  /** It may be there or not. */
  | { readonly kind: "unknown"; readonly reason: string }
);

export interface RoleChange {
  readonly node: string;
  readonly term: number;
  readonly role: string;
  readonly leader: string | undefined;
}

function dataOf({ data }: Readonly<Record<string, unknown>>): object {
  return typeof data === "object" && data !== null ? data : {};
}

/** The mark that a submission of the history left in its task. */
export function markOf({ data }: Pick<TaskView, "data">): string | undefined {
  if (typeof data !== "object" || data === null || !("mark" in data)) return undefined;
  return typeof data.mark === "string" ? data.mark : undefined;
}

export class MeshHistory {
  readonly submissions: Submission[] = [];
  readonly roles: RoleChange[] = [];
  #marks = 0;

  acknowledged(): readonly string[] {
    return this.submissions.flatMap((one) => (one.kind === "acknowledged" ? [one.id] : []));
  }

  /** Writes down every change of a node's role from now on. */
  follow(node: string, { raft }: RunningNode): void {
    const record = ({ term, role, leader }: RunningNode["raft"]["softState"]): void => {
      this.roles.push({ node, term, role, leader });
    };
    record(raft.softState);
    raft.onSoftState(record);
  }

  /** Submits once, over HTTP, and writes down the answer whatever it is; `data` is an object. */
  async submit(
    http: MeshHttp,
    task: Readonly<Record<string, unknown>>,
  ): Promise<TaskView | undefined> {
    this.#marks += 1;
    const mark = `mark-${this.#marks}`;
    try {
      const body = { ...task, data: { ...dataOf(task), mark } };
      const answer = await http.call<TaskView & ProblemView>("POST", "/tasks", body);
      if (answer.status === 201) {
        this.submissions.push({ kind: "acknowledged", mark, id: answer.body.id });
        return answer.body;
      }
      const { code } = answer.body;
      if (NOT_KEPT.includes(code)) this.submissions.push({ kind: "refused", mark, code });
      else this.submissions.push({ kind: "unknown", mark, reason: `${answer.status} ${code}` });
    } catch (error) {
      this.submissions.push({ kind: "unknown", mark, reason: String(error) });
    }
    return undefined;
  }
}
