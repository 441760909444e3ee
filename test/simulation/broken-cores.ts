// Cores with one bug each, built around the real one: what the checkers must be able to find.
import {
  type HardState,
  type LogIndex,
  logIndex,
  type Message,
  RaftCore,
  type RaftCoreOptions,
  type Ready,
} from "../../src/raft/core/index.js";
import type { Core, CoreFactory } from "./node.js";
import type { Rule } from "./violation.js";

export interface BrokenCore {
  /** Completes "a core that ...". */
  readonly does: string;
  readonly createCore: CoreFactory;
  /** What it may be convicted of; which comes first depends on the seed. */
  readonly breaks: readonly Rule[];
}

/** The real core with some methods replaced. */
const wrap = (core: RaftCore, replaced: Partial<Core>): Core =>
  new Proxy<Core>(core, {
    get: (_, name) => {
      const value: unknown = Reflect.get(name in replaced ? replaced : core, name, core);
      if (typeof value !== "function") return value;
      const bound: unknown = value.bind(core);
      return bound;
    },
  });

const withReady =
  (change: (ready: Ready, core: RaftCore) => Ready): CoreFactory =>
  (options) => {
    const core = new RaftCore(options);
    return wrap(core, { ready: () => change(core.ready(), core) });
  };

const withInput =
  (change: (message: Message, options: RaftCoreOptions) => Message | undefined): CoreFactory =>
  (options) => {
    const core = new RaftCore(options);
    return wrap(core, {
      step: (message) => {
        const changed = change(message, options);
        if (changed !== undefined) core.step(changed);
      },
    });
  };

const withHardState =
  (change: (hardState: HardState) => HardState): CoreFactory =>
  (options) =>
    new RaftCore({ ...options, hardState: change(options.hardState) });

const grant = (message: Message): Message =>
  message.kind === "vote-response" && !message.preVote ? { ...message, granted: true } : message;

const FAR = 1_000_000 as LogIndex;

export const BROKEN_CORES: readonly BrokenCore[] = [
  {
    does: "votes for everyone who asks",
    createCore: withReady((ready) => ({ ...ready, messages: ready.messages.map(grant) })),
    breaks: ["one vote a term", "persist before answering", "election safety"],
  },
  {
    does: "counts a refused vote as granted",
    createCore: withInput(grant),
    breaks: ["persist before answering", "election safety", "leader completeness", "core threw"],
  },
  {
    does: "votes for candidates whose log lacks committed entries",
    createCore: withInput((message) =>
      message.kind === "vote-request" ? { ...message, lastLogIndex: FAR } : message,
    ),
    breaks: ["leader completeness", "commit needs a quorum on disk", "core threw"],
  },
  {
    does: "forgets its vote when it restarts",
    createCore: withHardState((hardState) => ({ ...hardState, vote: undefined })),
    breaks: ["one vote a term", "election safety", "persist before answering"],
  },
  {
    does: "answers before its disk has what it promises",
    createCore: withReady((ready) =>
      ready.write === undefined
        ? ready
        : {
            ...ready,
            messages: [...ready.messages, ...ready.write.messagesAfter],
            write: { ...ready.write, messagesAfter: [] },
          },
    ),
    breaks: ["persist before answering"],
  },
  {
    does: "commits what no follower has yet",
    createCore: (options) => {
      const core = new RaftCore(options);
      return wrap(core, {
        propose: (data) => {
          const result = core.propose(data);
          if (result.kind === "refused") return result;
          for (const { id } of core.status().peers) {
            core.step({
              kind: "append-response",
              from: id,
              to: options.id,
              term: result.term,
              result: { success: true, matchIndex: result.index },
            });
          }
          return result;
        },
      });
    },
    breaks: ["commit needs a quorum on disk"],
  },
  {
    does: "answers reads without asking a quorum whether it still leads",
    createCore: (options) => {
      const core = new RaftCore(options);
      let asked: number[] = [];
      return wrap(core, {
        readIndex: (requestId) => asked.push(requestId),
        hasReady: () => asked.length > 0 || core.hasReady(),
        ready: () => {
          const { commit } = core.status();
          const reads = asked.map((requestId) => ({ requestId, readIndex: commit }));
          asked = [];
          const ready = core.ready();
          return { ...ready, reads };
        },
      });
    },
    breaks: ["read index freshness", "linearizability"],
  },
  {
    does: "skips the consistency check of appends",
    createCore: (options) => {
      const core = new RaftCore(options);
      const ownTermAt = (index: LogIndex) => options.log.term(index);
      return wrap(core, {
        step: (message) => {
          if (message.kind !== "append-request") {
            core.step(message);
            return;
          }
          const prevLogTerm = ownTermAt(message.prevLogIndex) ?? message.prevLogTerm;
          core.step({ ...message, prevLogTerm });
        },
      });
    },
    breaks: ["log matching", "core threw", "state machine safety", "leader completeness"],
  },
  {
    does: "skips an entry when it applies",
    createCore: withReady((ready) => ({
      ...ready,
      committed: ready.committed.filter(({ index }) => index % 10 !== 0),
    })),
    breaks: ["driver contract"],
  },
  {
    does: "applies different commands on different servers",
    createCore: (options) => {
      const core = new RaftCore(options);
      if (options.id !== "n2") return core;
      return wrap(core, {
        ready: () => {
          const ready = core.ready();
          const committed = ready.committed.map((entry) =>
            entry.kind === "command"
              ? { ...entry, data: entry.data.map((byte) => byte ^ 1) }
              : entry,
          );
          return { ...ready, committed };
        },
      });
    },
    breaks: ["log matching", "state machine safety"],
  },
  {
    does: "puts entries of an old term into its log anew",
    createCore: withReady((ready) => {
      const { write } = ready;
      if (write === undefined) return ready;
      const entries = write.entries.map((entry) =>
        entry.kind === "noop" && entry.index > 3 ? { ...entry, kind: "command" as const } : entry,
      );
      return { ...ready, write: { ...write, entries } };
    }),
    breaks: ["log matching", "state machine safety"],
  },
  {
    does: "says that it applied what it did not commit",
    createCore: (options) => {
      const core = new RaftCore(options);
      return wrap(core, {
        status: () => ({ ...core.status(), applied: logIndex(core.status().commit + 1) }),
      });
    },
    breaks: ["commit never goes back"],
  },
  {
    does: "never campaigns",
    createCore: (options) => wrap(new RaftCore(options), { tick: () => undefined }),
    breaks: ["liveness after healing"],
  },
  {
    does: "drops every acknowledgement",
    createCore: withInput((message) =>
      message.kind === "append-response" && message.result.success ? undefined : message,
    ),
    breaks: ["liveness after healing"],
  },
  {
    does: "does not catch up from voters that refuse it",
    createCore: (options) => new RaftCore({ ...options, catchUp: false }),
    breaks: ["liveness under lasting cuts"],
  },
];
