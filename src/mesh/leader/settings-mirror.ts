// Keeps what people have set in Redis, too, beside the tasks, while this node leads: schedules, queues,
// drained nodes. The log does not need it: it is for the day on which all disks are lost and Redis is not.
import type { Settings } from "../../queue/redis/settings-writer.js";

/** Between two writes, so that a schedule that fires every second does not write all of them each time. */
const MIN_INTERVAL_MS = 1_000;
/** And so much longer as there is more to write. */
const BYTES_PER_SECOND = 64 * 1024;

export interface SettingsMirrorParts {
  readonly settings: () => Settings;
  readonly leads: () => boolean;
  readonly keep: (settings: Settings) => void;
}

export class SettingsMirror {
  readonly #parts: SettingsMirrorParts;
  #timer: NodeJS.Timeout | undefined;
  #intervalMs = MIN_INTERVAL_MS;

  constructor(parts: SettingsMirrorParts) {
    this.#parts = parts;
  }

  /** Something was set; or it is not known any more what Redis has: at a new leader, or a restored Redis. */
  changed(): void {
    if (this.#timer !== undefined || !this.#parts.leads()) return;
    this.#timer = setTimeout(() => this.#write(), this.#intervalMs).unref();
  }

  #write(): void {
    this.#timer = undefined;
    if (!this.#parts.leads()) return;
    const settings = this.#parts.settings();
    this.#intervalMs = MIN_INTERVAL_MS + (settings.tables.length / BYTES_PER_SECOND) * 1_000;
    this.#parts.keep(settings);
  }
}
