// Set up before every file: `vi.waitFor` and `vi.waitUntil` give up after a second by themselves, which
// a busy machine may take for what is done in a moment elsewhere. What never comes still fails the test,
// within its own bound.
import { vi } from "vitest";

const TIMEOUT_MS = 20_000;

const waitFor = vi.waitFor.bind(vi);
const waitUntil = vi.waitUntil.bind(vi);

vi.waitFor = (condition, options) => waitFor(condition, patient(options));
vi.waitUntil = (condition, options) => waitUntil(condition, patient(options));

type Options = number | { readonly timeout?: number; readonly interval?: number } | undefined;

function patient(options: Options): { timeout: number; interval?: number } {
  if (typeof options === "number") return { timeout: options };
  return { timeout: TIMEOUT_MS, ...options };
}
