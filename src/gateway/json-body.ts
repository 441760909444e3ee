// Reads a JSON body by the rule of src/input, and answers what breaks it.
import { MAX_JSON_DEPTH, readJson } from "../input/json-text.js";
import { HttpProblem } from "./problem.js";

/** Levels that a body has around the data of a task: a batch, its item, the task of a schedule. */
const LEVELS_AROUND_DATA = 4;

/** The value of a JSON text. Throws HttpProblem 400 "malformed_json". */
export function parseJson(text: string): unknown {
  const reading = readJson(text, MAX_JSON_DEPTH + LEVELS_AROUND_DATA);
  if (reading.kind === "value") return reading.value;
  const { path, problem, isSyntax } = reading.fault;
  const where = path.length === 0 ? "the body" : path.join(".");
  const detail = isSyntax ? `the body is not JSON: ${problem}` : `${where} ${problem}`;
  throw new HttpProblem(400, "malformed_json", detail);
}
