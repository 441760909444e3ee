// What a recovery would keep and lose, in words.
import type { SurvivorPlan } from "../mesh/recovery/recovery.js";

/** The plan, for whoever has to decide. */
export function planLines(plan: SurvivorPlan): string[] {
  const { nodeId, folder, meshId, remains } = plan;
  const { commit, lastIndex, lastTerm } = remains;
  const names = plan.others.filter(({ isVoter }) => isVoter).map(({ id }) => id);
  return [
    `${nodeId} in ${folder}: mesh ${meshId}, log up to entry ${lastIndex} of term ${lastTerm}`,
    `  kept: entries up to ${commit}, which ${nodeId} knows to be decided`,
    ...(lastIndex > commit
      ? [
          `  kept: entries ${commit + 1} to ${lastIndex}, which may or may not have been: they are now`,
        ]
      : []),
    names.length === 0
      ? "  lost: nothing, it had no other voters"
      : `  lost: what ${names.join(" and ")} decided without it, if anything: its disk cannot tell`,
    ...redisLines(plan).map((line) => `  ${line}`),
    ...plan.others.map(
      ({ id, address, told, isVoter }) =>
        `  ${isVoter ? "voter" : "learner"} ${id} at ${address} ${told}`,
    ),
  ];
}

function redisLines({ redis, redisError, remains }: SurvivorPlan): string[] {
  if (redis === undefined) return [`Redis was not asked what else there was: ${redisError ?? ""}`];
  const { index, tasksPast } = redis;
  if (index <= remains.lastIndex) {
    return [
      `Redis reflects entry ${index}, which the log has: it shows nothing that would be lost`,
    ];
  }
  const more = tasksPast.count - tasksPast.ids.length;
  const ids = `${tasksPast.ids.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return [
    `Redis reflects entry ${index}: at least ${index - remains.lastIndex} decided entries are missing here`,
    tasksPast.count === 0
      ? "no task was submitted by them that is still there"
      : `tasks that were submitted by them, and will be gone: ${ids}`,
  ];
}
