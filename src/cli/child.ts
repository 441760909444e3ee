// Entry of the processes that `up` starts: the built CLI without the setup before it.
import { run } from "./main.js";

await run(process.argv.slice(2));
