import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KnownTypes } from "../../../src/queue/leader/known-types.js";

const handled = new Set<string>();
let types: KnownTypes;

beforeEach(() => {
  vi.useFakeTimers();
  handled.clear();
  types = new KnownTypes({
    workers: { handles: (type) => handled.has(type), types: () => [...handled] },
    acceptUnknown: false,
    monotonicMs: () => Date.now(),
  });
});
afterEach(() => vi.useRealTimers());

/** Waits for a type; what became of that so far. */
function wait(type: string): { readonly became: () => string } {
  let became = "waits";
  types.settled([{ type }]).then(
    () => (became = types.takes(type) ? "taken" : "unknown"),
    (error: unknown) => (became = String(error)),
  );
  return { became: () => became };
}

function attach(type: string): void {
  handled.add(type);
  types.attached();
}

describe("a type that no node handles", () => {
  test("is waited for while nodes may not have attached to a new leader yet", async () => {
    const early = wait("mail");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(early.became()).toBe("waits");

    attach("mail");
    await vi.advanceTimersByTimeAsync(0);
    expect(early.became()).toBe("taken");
  });

  test("is unknown once they have had the time", async () => {
    const early = wait("mail");
    await vi.advanceTimersByTimeAsync(1_500);
    expect(early.became()).toBe("unknown");

    const late = wait("mail");
    await vi.advanceTimersByTimeAsync(0);
    expect(late.became()).toBe("unknown");
  });

  test("is waited for anew when a node has just gone", async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    types.detached();
    const asked = wait("mail");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked.became()).toBe("waits");
    types.detached();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked.became()).toBe("waits");

    await vi.advanceTimersByTimeAsync(500);
    expect(asked.became()).toBe("unknown");
  });

  test("is for the next leader to know where the term is over", async () => {
    const asked = wait("mail");
    types.close();
    await vi.advanceTimersByTimeAsync(0);

    expect(asked.became()).toContain("does not lead any more");
  });
});
