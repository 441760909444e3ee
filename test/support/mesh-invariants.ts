// What holds of every mesh once its faults are healed, whatever they were: nothing acknowledged is
// lost, each task ends once, no task has two owners at a time, no term two leaders.
import type { Journal, JournalLine } from "./journal.js";
import { markOf, type MeshHistory, type RoleChange, type Submission } from "./mesh-history.js";
import type { MeshHttp, TaskView } from "./mesh-http.js";
import { waitFor } from "./wait-for.js";

/** An id that none has. */
const NO_TASK = "00000000000000000000000000";
const ENDED: readonly string[] = ["completed", "dead", "cancelled"];

export interface Observed {
  readonly http: MeshHttp;
  readonly history: MeshHistory;
  readonly journal: Journal;
}

/**
 * Waits until every acknowledged task has ended, and names whatever does not hold.
 * @throws Error where they do not end in time
 */
export async function violations({ http, history, journal }: Observed): Promise<string[]> {
  const acknowledged = new Set(history.acknowledged());
  const tasks = await waitFor("every acknowledged task has ended", async () => {
    await reflected(http);
    const all = await allTasks(http);
    const left = all.filter(({ id, status }) => acknowledged.has(id) && !ENDED.includes(status));
    if (left.length > 0) {
      const some = left.slice(0, 3).map(({ id, status }) => `${id} is ${status}`);
      throw new Error(`${left.length} have not ended: ${some.join(", ")}`);
    }
    return all;
  });
  const { submissions, roles } = history;
  return faultsOf({ submissions, roles, lines: journal.lines(), tasks });
}

/** All that is known of what happened. */
export interface Happened {
  readonly submissions: readonly Submission[];
  readonly roles: readonly RoleChange[];
  readonly lines: readonly JournalLine[];
  /** Every task that there is, in the end. */
  readonly tasks: readonly TaskView[];
}

/** What does not hold; each in a sentence. */
export function faultsOf({ submissions, roles, lines, tasks }: Happened): string[] {
  return [
    ...lost(submissions, tasks),
    ...refusedButKept(submissions, tasks),
    ...tasks.flatMap(notOnce),
    ...wrongOwners(lines, tasks),
    ...twoLeaders(roles),
  ];
}

/** Redis reflects all that was acknowledged by now; a listing alone may be behind. */
async function reflected(http: MeshHttp): Promise<void> {
  const { status } = await http.call("GET", `/tasks/${NO_TASK}?consistency=linearizable`);
  if (status !== 404) throw new Error(`a linearizable read is answered ${status}`);
}

async function allTasks(http: MeshHttp): Promise<TaskView[]> {
  const found: TaskView[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { readonly tasks: TaskView[]; readonly nextCursor: string | null } =
      await http.expectOk("GET", `/tasks?limit=1000${query}`);
    found.push(...page.tasks);
    cursor = page.nextCursor;
  }
  return found;
}

function lost(submissions: readonly Submission[], tasks: readonly TaskView[]): string[] {
  const there = new Set(tasks.map(({ id }) => id));
  return submissions.flatMap((one) => {
    return one.kind === "acknowledged" && !there.has(one.id) ? [`${one.id} was lost`] : [];
  });
}

function refusedButKept(submissions: readonly Submission[], tasks: readonly TaskView[]): string[] {
  const kept = new Set(tasks.map(markOf));
  return submissions
    .filter(({ kind, mark }) => kind === "refused" && kept.has(mark))
    .map(({ mark }) => `${mark} was refused and is there`);
}

function notOnce({ id, status, history }: TaskView): string[] {
  const completions = history.filter(({ outcome }) => outcome === "completed").length;
  const faults: string[] = [];
  if (completions !== (status === "completed" ? 1 : 0)) {
    faults.push(`${id} is ${status} and was completed ${completions} times`);
  }
  const fences = history.map(({ fence }) => fence);
  if (fences.some((fence, at) => at > 0 && fence <= (fences[at - 1] ?? 0))) {
    faults.push(`${id} has fences out of order: ${fences.join(", ")}`);
  }
  return faults;
}

/** What a handler did under one fence. */
interface Run {
  readonly node: string;
  readonly fence: number;
  readonly startedAtMs: number;
  /** When it was over or was told to stop, whichever came first; Infinity where it was neither. */
  readonly endedAtMs: number;
}

function wrongOwners(lines: readonly JournalLine[], tasks: readonly TaskView[]): string[] {
  const byTask = new Map<string, JournalLine[]>();
  for (const line of lines) byTask.set(line.id, [...(byTask.get(line.id) ?? []), line]);
  const records = new Map(tasks.map((task) => [task.id, task]));
  return [...byTask].flatMap(([id, its]) => {
    const runs = runsOf(its, records.get(id)?.type === "note");
    return [...overlaps(id, runs), ...strangers(id, runs, records.get(id))];
  });
}

/** Every start is a run of its own, so that a second one under the same fence is seen. */
function runsOf(lines: readonly JournalLine[], momentary: boolean): Run[] {
  return lines
    .filter(({ event }) => event === "started")
    .map(({ node, fence, atNs }) => {
      const startedAtMs = msOf(atNs);
      const ends = lines.filter(
        (line) => line.event !== "started" && line.fence === fence && line.node === node,
      );
      // Infinity where there is none.
      const endedAtMs = Math.min(...ends.map((line) => msOf(line.atNs)));
      return { node, fence, startedAtMs, endedAtMs: momentary ? startedAtMs : endedAtMs };
    })
    .sort((a, b) => a.fence - b.fence || a.startedAtMs - b.startedAtMs);
}

const msOf = (atNs: string): number => Number(BigInt(atNs)) / 1e6;

function overlaps(id: string, runs: readonly Run[]): string[] {
  return runs.flatMap((run, at) => {
    const before = runs[at - 1];
    if (before === undefined) return [];
    const both = `${before.node} (fence ${before.fence}) and ${run.node} (fence ${run.fence})`;
    if (before.fence === run.fence) return [`${id} was started twice under one fence: ${both}`];
    const earlyMs = before.endedAtMs - run.startedAtMs;
    if (earlyMs <= 0) return [];
    if (earlyMs === Infinity) {
      return [`${id} had two owners from its start under fence ${run.fence}: ${both}`];
    }
    return [`${id} had two owners for ${earlyMs.toFixed(1)} ms: ${both}`];
  });
}

/** The record must name the node that ran it, where it still has the attempt. */
function strangers(id: string, runs: readonly Run[], task: TaskView | undefined): string[] {
  return runs.flatMap(({ node, fence }) => {
    const attempt = task?.history.find((one) => one.fence === fence);
    if (attempt === undefined || attempt.workerId === node) return [];
    return [`${id} was run by ${node} under fence ${fence}, which was ${attempt.workerId}'s`];
  });
}

function twoLeaders(roles: readonly RoleChange[]): string[] {
  const leaders = new Map<number, Set<string>>();
  for (const { node, term, role } of roles) {
    if (role === "leader") leaders.set(term, (leaders.get(term) ?? new Set()).add(node));
  }
  return [...leaders]
    .filter(([, nodes]) => nodes.size > 1)
    .map(([term, nodes]) => `term ${term} had several leaders: ${[...nodes].join(", ")}`);
}
