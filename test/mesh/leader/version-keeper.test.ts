import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { VersionKeeper } from "../../../src/mesh/leader/version-keeper.js";
import { SPOKEN_VERSION } from "../../../src/queue/state/mesh-version.js";
import { emptyMembership, nodeId } from "../../../src/raft/index.js";

type Options = ConstructorParameters<typeof VersionKeeper>[0];
type Leader = NonNullable<ReturnType<Options["leader"]>>;

/** A leader of n1 and n2, of which n2 understands up to `speaks`; undefined: it is not heard of. */
function keeperWith(active: number, speaks: number | undefined) {
  const command = vi.fn(() => Promise.resolve(1));
  const hellos = new Map([
    ["n1", SPOKEN_VERSION],
    ["n2", speaks],
  ]);
  const leader = {
    command,
    workers: {
      get: (id: string) => {
        const version = hellos.get(id);
        return version === undefined ? undefined : { connected: true, hello: { speaks: version } };
      },
    },
  } as unknown as Leader;
  const voters = ["n1", "n2"].map((id) => ({ id: nodeId(id), address: `${id}:1` }));
  const keeper = new VersionKeeper({
    raft: { status: () => ({ membership: { ...emptyMembership, voters } }) },
    leader: () => leader,
    version: { active },
    logger: pino({ level: "silent" }),
  });
  return { keeper, command };
}

const activated = (command: { readonly mock: { readonly calls: unknown[][] } }): unknown[] =>
  command.mock.calls.map(([kind]) => kind);

test("the version that all members understand is activated, once", () => {
  const { keeper, command } = keeperWith(SPOKEN_VERSION - 1, SPOKEN_VERSION + 1);

  keeper.check();
  keeper.check();

  expect(activated(command)).toEqual([
    { $case: "activateVersion", value: { version: SPOKEN_VERSION } },
  ]);
});

test("while a member is not heard of, it may be of any release", () => {
  const { keeper, command } = keeperWith(SPOKEN_VERSION, undefined);

  keeper.check();

  expect(activated(command)).toEqual([]);
});
