// Entry of the processes that `up` starts: the built CLI without the setup before it, tied to the life
// of `up`.
import { tieToParent } from "./lifeline.js";
import { run } from "./main.js";

tieToParent();
await run(process.argv.slice(2));
