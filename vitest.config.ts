// How the tests run: `npm test` runs all of them after the checks of the house.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/patient-waits.ts"],
    // Tests start processes and servers of their own: more at a time would only slow them down.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // As test/support/patient-waits.ts has it for `vi.waitFor`: by itself it is a second.
    expect: { poll: { timeout: 20_000 } },
  },
});
