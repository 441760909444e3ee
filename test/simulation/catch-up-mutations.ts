// Deliberate bugs in the catch-up of a candidate from a voter that refuses it.
import { type Mutation, mutation } from "./mutation.js";

export const CATCH_UP_MUTATIONS: readonly Mutation[] = [
  mutation(
    "catch-up.ts",
    "adopts a voter's entries that end no more up to date than its own log",
    "} else if (isMoreUpToDate(state, last)) {",
    "} else if (last.index > 0) {",
  ),
  mutation(
    "catch-up.ts",
    "asks for votes with what it adopted before that is on disk",
    "log.persisted < catchUp.through",
    "log.lastIndex < catchUp.through",
  ),
  mutation(
    "catch-up.ts",
    "commits what it adopted",
    "  replaceFrom(state, news);\n",
    "  replaceFrom(state, news);\n  log.commitTo(last.index);\n",
  ),
  mutation(
    "catch-up.ts",
    "sends its log behind an entry that it does not have",
    "if (log.matches(prevIndex, prevTerm)) {",
    "if (prevIndex <= log.lastIndex) {",
  ),
  mutation(
    "catch-up.ts",
    "adopts entries behind another entry than its own",
    "if (message.prevLogIndex !== prevLogIndex || message.prevLogTerm !== prevLogTerm) return;",
    "if (message.prevLogIndex !== prevLogIndex) return;",
  ),
  mutation(
    "catch-up.ts",
    "drops what it acknowledged in the very term",
    "isDropping ? asTerm(state.term + 1) : state.term",
    "isDropping ? state.term : state.term",
  ),
  mutation(
    "catch-up.ts",
    "offers its log while it knows a leader",
    "    state.leader === undefined &&\n    !standsByLeader(state) &&\n",
    "    (state.leader === undefined || !standsByLeader(state) || state.leader !== state.id) &&\n",
  ),
  mutation(
    "catch-up.ts",
    "sends its log while a snapshot takes its place",
    " &&\n    state.receiving.installing === undefined\n",
    "\n",
  ),
  mutation(
    "catch-up.ts",
    "keeps any number of a voter's entries aside",
    "} else if (catchUp.gatheredBytes < state.config.maxCatchUpBytes) {",
    "} else if (catchUp.gatheredBytes >= 0) {",
  ),
  mutation(
    "catch-up.ts",
    "gives up where the first voter cannot help",
    "if (next === undefined) state.catchUp = undefined;",
    "if (next === undefined || rest.length >= 0) state.catchUp = undefined;",
  ),
  mutation(
    "catch-up.ts",
    "never looks for a match further back",
    "catchUp.gathered.length > 0 || base >= catchUp.baseIndex",
    "base >= 0 || base >= catchUp.baseIndex",
  ),
  mutation(
    "election.ts",
    "never asks a voter for what it lacks",
    "    noteOfferedLog(state, message.from);\n",
    "",
  ),
  mutation(
    "roles.ts",
    "campaigns with what it adopted although a leader came",
    "  if (leader !== undefined) {\n    state.catchUp = undefined;\n",
    "  if (leader !== undefined) {\n",
  ),
  mutation(
    "step.ts",
    "leaves its leader for a candidate that asks for its log",
    '    case "catch-up-request":\n      if (standsByLeader(state)) return false;\n',
    '    case "catch-up-request":\n',
  ),
];
