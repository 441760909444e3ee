// Hurts the one Redis that `up` has started, and starts again when it is gone.
import { rmSync } from "node:fs";
import path from "node:path";
import type { Prng } from "../simulation/prng.js";
import type { MeshProcess } from "../support/mesh-process.js";
import {
  flush,
  FREEZE_MS,
  isGroupFault,
  pauseWithin,
  type RedisFault,
  type TorturedRedis,
} from "./redis-faults.js";

export class OwnRedis implements TorturedRedis {
  readonly #mesh: MeshProcess;
  readonly #random: Prng;
  constructor(mesh: MeshProcess, random: Prng) {
    this.#mesh = mesh;
    this.#random = random;
  }

  async hurt(fault: RedisFault): Promise<void> {
    if (isGroupFault(fault)) throw new Error(`${fault}: there is one Redis alone`);
    const { pid, url } = this.#mesh.redis();
    switch (fault) {
      case "kill-redis":
        process.kill(pid, "SIGKILL");
        return;
      case "freeze-redis":
        process.kill(pid, "SIGSTOP");
        await pauseWithin(this.#random, FREEZE_MS);
        process.kill(pid, "SIGCONT");
        return;
      case "flush-redis":
        return flush(url);
      case "wipe-redis":
        // The files of a process that runs go on to exist for it alone.
        for (const name of ["appendonlydir", "dump.rdb"]) {
          const file = path.join(this.#mesh.dataDir, "redis", name);
          rmSync(file, { recursive: true, force: true, maxRetries: 5 });
        }
        process.kill(pid, "SIGKILL");
        return;
    }
  }

  mayLose(fault: RedisFault): boolean {
    return fault !== "freeze-redis";
  }

  /** `up` sees to it. */
  whole(): Promise<void> {
    return Promise.resolve();
  }

  failovers(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}
