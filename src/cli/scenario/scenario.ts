// What a scenario is: the mesh that it needs, the story that it plays, and what comes out of it.
import type { Narration } from "./narration.js";
import type { MeshShape, ScenarioMesh } from "./scenario-mesh.js";

/** Sizes that a user may choose; a scenario reads those that it offers. */
export interface Sizes {
  readonly tasks: number;
  readonly taskMs: number;
  /** How long what goes wrong lasts. */
  readonly forMs: number;
  /** Tasks submitted in a second. */
  readonly rate: number;
  /** How often it is done. */
  readonly rounds: number;
}

/** Something that was measured or counted. */
export interface Figure {
  /** Name in the JSON, with its unit. */
  readonly key: string;
  readonly label: string;
  readonly value: number;
  readonly unit?: string;
}

/** A promise of the mesh, and what was found of it. */
export interface PromiseCheck {
  readonly promise: string;
  readonly found: string;
  readonly held: boolean;
}

export interface Outcome {
  readonly figures: readonly Figure[];
  readonly promises: readonly PromiseCheck[];
}

/** What a story is played on. */
export interface Stage {
  readonly mesh: ScenarioMesh;
  readonly narration: Narration;
  /** Aborted when the user has had enough. */
  readonly signal: AbortSignal;
  readonly sizes: Sizes;
}

export interface Scenario {
  shape(sizes: Sizes): MeshShape;
  /** @throws ExitError where the experiment could not be made */
  play(stage: Stage): Promise<Outcome>;
}
