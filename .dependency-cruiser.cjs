// The import directions of the house. They run one way, so that a layer can be read, tested and
// replaced without knowing what stands on it:
//   cli → mesh, gateway → api → queue, worker → raft; telemetry, config and input are ground for all.
const layer = (name, allowed, comment) => ({
  name: `${name}-imports-downward`,
  comment,
  severity: "error",
  from: { path: `^src/${name}/` },
  to: { path: "^src/", pathNot: `^src/(${[name, ...allowed].join("|")})/` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "A cycle means that two files share a duty that neither of them names.",
      severity: "error",
      from: {},
      to: { circular: true, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "raft-core-is-pure",
      comment: "The core does no I/O and reads no clock: it imports nothing but itself.",
      severity: "error",
      from: { path: "^src/raft/core/" },
      to: { pathNot: "^src/raft/core/" },
    },
    layer("raft", [], "Raft moves bytes; it knows nothing of tasks, Redis or gRPC."),
    layer(
      "input",
      [],
      "What comes from outside, judged by one rule at every edge: ground for all.",
    ),
    layer("config", ["input"], "Config is ground: it stands on nothing but the rules of input."),
    layer("telemetry", ["config"], "Telemetry is ground: it stands on config alone."),
    layer(
      "discovery",
      ["redis", "config", "telemetry"],
      "How strangers meet: ground for nodes and gateway.",
    ),
    layer("redis", ["config", "telemetry"], "How a process connects to Redis: ground for all."),
    layer("links", [], "What traffic passes between peers: ground for nodes and gateway."),
    layer(
      "queue",
      ["raft", "redis", "gen", "input", "config", "telemetry"],
      "The queue stands on the log.",
    ),
    layer(
      "worker",
      ["raft", "gen", "input", "config", "telemetry"],
      "A worker runs handlers, no more.",
    ),
    layer(
      "api",
      ["queue", "worker", "raft", "links", "gen", "input", "config", "telemetry"],
      "gRPC edge of a node.",
    ),
    layer(
      "gateway",
      ["gen", "api", "discovery", "redis", "links", "input", "config", "telemetry"],
      "HTTP edge: speaks gRPC to nodes.",
    ),
    layer(
      "mesh",
      [
        "api",
        "queue",
        "worker",
        "raft",
        "discovery",
        "redis",
        "links",
        "gen",
        "input",
        "config",
        "telemetry",
      ],
      "The composition root of a node: the one place where adapters meet the core.",
    ),
    {
      name: "queue-and-worker-are-apart",
      comment: "They meet in the mesh, through the log.",
      severity: "error",
      from: { path: "^src/(queue|worker)/" },
      to: { path: "^src/(queue|worker)/", pathNot: "^src/$1/" },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules|src/gen" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs"] },
  },
};
