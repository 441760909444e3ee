// Plays a scenario on a mesh of its own: starts it, tells the story and its figures, and ends all of it,
// on Ctrl+C, too. The exit code says whether every promise held.
import { ExitError, exitCode } from "../exit.js";
import { paint, printJson } from "../output.js";
import { stopSignal } from "../stop-signal.js";
import { Narration } from "./narration.js";
import type { Outcome, Scenario, Sizes } from "./scenario.js";
import { ScenarioMesh } from "./scenario-mesh.js";

export interface RunOptions {
  readonly json: boolean;
  /** Keep the folder with the logs of the mesh. */
  readonly keep: boolean;
}

/** @throws ExitError where the scenario could not be played, was stopped, or a promise did not hold. */
export async function runScenario(
  name: string,
  scenario: Scenario,
  sizes: Sizes,
  options: RunOptions,
): Promise<void> {
  const narration = new Narration(options.json ? process.stderr : process.stdout);
  const shape = scenario.shape(sizes);
  narration.say(`starting Redis, ${shape.nodes} nodes and a gateway, all for this scenario alone`);
  const mesh = await ScenarioMesh.prepare(shape, (line) => narration.say(line));
  const enough = new AbortController();
  const stopRequested = stopSignal(() => {
    mesh.kill();
    process.exit(exitCode.failed);
  });
  const played = play();
  let outcome: Outcome | undefined;
  try {
    outcome = await Promise.race([played, stopRequested]);
  } finally {
    narration.endProgress();
    enough.abort();
    // What is under way fails when its mesh is stopped; that is no news.
    played.catch(() => undefined);
    await mesh.close(options.keep);
    if (options.keep) narration.say(`the logs of the mesh are in ${mesh.logFile}`);
  }
  if (outcome === undefined) throw new ExitError("stopped before the scenario was over");
  tell(name, outcome, narration, options.json);

  async function play(): Promise<Outcome> {
    await mesh.start(enough.signal);
    narration.say("all nodes take work");
    return scenario.play({ mesh, narration, signal: enough.signal, sizes });
  }
}

function tell(name: string, outcome: Outcome, narration: Narration, json: boolean): void {
  const { figures, promises } = outcome;
  const broken = promises.filter(({ held }) => !held).length;
  if (json) {
    printJson({
      scenario: name,
      held: broken === 0,
      figures: Object.fromEntries(figures.map(({ key, value }) => [key, value])),
      promises,
    });
  } else {
    const width = Math.max(...figures.map(({ label }) => label.length));
    narration.line();
    for (const { label, value, unit } of figures) {
      narration.line(`  ${paint("dim", label.padEnd(width))}  ${value}${unit ? ` ${unit}` : ""}`);
    }
    narration.line();
    for (const { promise, found, held } of promises) {
      const word = held ? paint("green", "held  ") : paint("red", "broken");
      narration.line(`  ${word}  ${promise}: ${found}`);
    }
  }
  if (broken > 0) throw new ExitError(`${broken} of ${promises.length} promises did not hold`);
}
