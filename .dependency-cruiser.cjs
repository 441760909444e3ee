// The import directions of the house. src/rooms.json says them, room by room from the ground up, and is
// the one place to change them; test/house/rooms.test.ts holds it to the tree.
/** @typedef {{ room: string, duty: string, imports: string[] }} Room */

/** @type {Room[]} */
const rooms = require("./src/rooms.json");

/** The files of a room: where a layer has rooms of its own, those that lie beside them, else all below. */
const filesOf = (/** @type {string} */ room) => {
  const hasRooms = rooms.some((other) => other.room.startsWith(`${room}/`));
  return hasRooms ? `^src/${room}/[^/]+$` : `^src/${room}/`;
};

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "A cycle, of types alone too, means that two files share a duty that neither names.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...rooms.map(({ room, duty, imports }) => ({
      name: `imports-of-${room.replace("/", "-")}`,
      comment: `${duty} What it may import is listed in src/rooms.json.`,
      severity: "error",
      from: { path: filesOf(room) },
      to: { path: "^src/", pathNot: [room, ...imports].map(filesOf) },
    })),
    {
      name: "raft-core-is-pure",
      comment:
        "The core does no I/O and reads no clock: no package and no module of Node.js either.",
      severity: "error",
      from: { path: "^src/raft/core/" },
      to: { pathNot: "^src/raft/core/" },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules|src/gen" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs"] },
  },
};
