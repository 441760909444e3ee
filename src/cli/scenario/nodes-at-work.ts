// A node is ready before it takes work: it has yet to be given a lease.
import type { ScenarioClient } from "./scenario-client.js";
import { until, type UntilOptions } from "./until.js";

/** Resolves when so many nodes take work. @throws ExitError when the time is up */
export async function nodesAtWork(
  client: ScenarioClient,
  count: number,
  options: UntilOptions,
): Promise<void> {
  await until(
    "every node takes work",
    async () => {
      const workers = await client.workers();
      return workers.filter(({ state }) => state === "active").length === count || undefined;
    },
    options,
  );
}
