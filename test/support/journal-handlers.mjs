// Task types that write down what happens to each of their runs, a line of JSON in one file for each
// process or named node, so that a test sees what handlers did whatever the mesh says of it. The folder is named by
// the environment variable JOURNAL_FOLDER.
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";

/** A test that fails is to end all the same. */
const BURN_AT_MOST_MS = 20_000;

/**
 * @typedef {{ id: string, data: unknown, attempt: number }} Task
 * @typedef {{ signal: AbortSignal, fence: number, progress: (percent: number) => void,
 *   log: { info: (message: string, fields?: object) => void, warn: (message: string) => void } }} Context
 */

/**
 * @param {string} node
 * @param {string} event
 * @param {Task} task
 * @param {Context} context
 * @param {string} [reason]
 */
function write(node, event, task, context, reason) {
  const { pid } = process;
  const atNs = String(process.hrtime.bigint());
  const line = {
    event,
    id: task.id,
    attempt: task.attempt,
    fence: context.fence,
    pid,
    node,
    atNs,
    reason,
  };
  // One write to a file opened with O_APPEND: whole lines, also where a process is killed.
  appendFileSync(join(folder(), `${node}.jsonl`), `${JSON.stringify(line)}\n`);
}

function folder() {
  const named = process.env["JOURNAL_FOLDER"];
  if (named === undefined) throw new Error("JOURNAL_FOLDER is not set");
  return named;
}

/** @param {unknown} data */
function msOf(data) {
  const { ms } = /** @type {{ ms: number }} */ (data);
  return ms;
}

/** Whether no other run of the task has asked. @param {Task} task */
function isFirst({ id }) {
  try {
    writeFileSync(join(folder(), `${id}.first`), "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

/** @type {(task: Task, context: Context) => null} */
function tells(task, { log, progress }) {
  log.info("begins", { attempt: task.attempt });
  progress(1);
  progress(99);
  log.warn("ends");
  if (isToFail(task)) throw new Error(`attempt ${String(task.attempt)} is to fail`);
  return null;
}

/** Whether the attempt is one of those that are to fail. @param {Task} task */
function isToFail({ data, attempt }) {
  const { failures = 0 } = /** @type {{ failures?: number }} */ (data);
  return attempt <= failures;
}

/**
 * The handlers of one node.
 * @param {string} node
 */
export function handlersOf(node) {
  /** @type {(event: string, task: Task, context: Context, reason?: string) => void} */
  const note = (event, task, context, reason) => write(node, event, task, context, reason);
  return {
    /** Notes its start and ends at once. */
    note: (/** @type {Task} */ task, /** @type {Context} */ context) => {
      note("started", task, context);
      return { pid: process.pid };
    },

    /**
     * Runs for `{ms}`, or until its signal is aborted, and notes which. With `{failures: n}` its first n
     * attempts fail.
     */
    hold: async (/** @type {Task} */ task, /** @type {Context} */ context) => {
      note("started", task, context);
      context.signal.addEventListener("abort", () => {
        note("aborted", task, context, context.signal.reason.reason);
      });
      await delay(msOf(task.data), undefined, { signal: context.signal });
      const fails = isToFail(task);
      note(fails ? "failed" : "ended", task, context);
      if (fails) throw new Error(`attempt ${String(task.attempt)} is to fail`);
      return { pid: process.pid };
    },

    /** Ends its process, as a handler does that runs out of memory. */
    lethal: (/** @type {Task} */ task, /** @type {Context} */ context) => {
      note("started", task, context);
      process.kill(process.pid, "SIGKILL");
      return null;
    },

    /** Ends whatever it runs in. */
    exits: (/** @type {Task} */ task, /** @type {Context} */ context) => {
      note("started", task, context);
      process.exit(1);
    },

    /** Throws what nobody can read. */
    "throws-odd": (/** @type {Task} */ task, /** @type {Context} */ context) => {
      note("started", task, context);
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    },

    /**
     * The first run of the task lets nothing else run for `{ms}`, then notes whether it may go on. Every
     * other run ends at once.
     */
    block: async (/** @type {Task} */ task, /** @type {Context} */ context) => {
      note("started", task, context);
      context.signal.addEventListener("abort", () => {
        note("aborted", task, context, context.signal.reason.reason);
      });
      if (isFirst(task)) {
        const untilMs = performance.now() + msOf(task.data);
        while (performance.now() < untilMs);
        note("unblocked", task, context);
        await nextTurn();
        note(context.signal.aborted ? "stopped" : "went on", task, context);
      }
      note("ended", task, context);
      return { pid: process.pid };
    },

    /** Reports each of `{percents}`, apart, then runs until its signal is aborted or `{ms}` are over. */
    progressing: async (/** @type {Task} */ task, /** @type {Context} */ context) => {
      const { percents } = /** @type {{ percents: number[] }} */ (task.data);
      note("started", task, context);
      for (const percent of percents) {
        context.progress(percent);
        await delay(250);
      }
      await delay(msOf(task.data), undefined, { signal: context.signal });
      return null;
    },

    /** Runs for `{ms}`, on the node `{slowNode}` for `{slowMs}`. */
    uneven: async (/** @type {Task} */ task, /** @type {Context} */ { signal }) => {
      const { slowNode, slowMs } = /** @type {{ slowNode: string, slowMs: number }} */ (task.data);
      await delay(node === slowNode ? slowMs : msOf(task.data), undefined, { signal });
      return null;
    },

    /** Keeps a processor busy and never yields, until it is told to stop or nothing is to be gained. */
    burn: {
      thread: true,
      handler: (/** @type {Task} */ task, /** @type {Context} */ context) => {
        note("started", task, context);
        const giveUpAtMs = Date.now() + BURN_AT_MOST_MS;
        while (!context.signal.aborted && Date.now() < giveUpAtMs) Math.sqrt(2);
        note("aborted", task, context, context.signal.reason.reason);
      },
    },

    /** Writes two lines and two values of progress at once; with `{failures: n}` its first n attempts fail. */
    tells,
    "tells-apart": { thread: true, handler: tells },

    /** As hold, but goes on when it is told to stop: its result then comes too late. */
    stubborn: async (/** @type {Task} */ task, /** @type {Context} */ context) => {
      note("started", task, context);
      context.signal.addEventListener("abort", () => {
        note("aborted", task, context, context.signal.reason.reason);
      });
      await delay(msOf(task.data));
      note("ended", task, context);
      return { pid: process.pid };
    },
  };
}

export default handlersOf(String(process.pid));
