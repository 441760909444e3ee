// The registry's atomic steps in Redis: each script with its keys, arguments and typed reply.
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";
import { z } from "zod";
import { RegistryReplyError } from "./errors.js";
import type { RegistryKeys } from "./keys.js";

const script = (file: string): string =>
  readFileSync(new URL(`./scripts/${file}`, import.meta.url), "utf8");

const heartbeatSource = script("heartbeat.lua");
const unregisterSource = script("unregister.lua");
const readSource = script("read.lua");
const formSource = script("form.lua");

const heartbeatReply = z.tuple([z.enum(["registered", "mismatch"]), z.string()]);
const readReply = z.array(z.string()).min(1);
const formReply = z.union([
  z.tuple([z.literal("formed"), z.string(), z.number()]),
  z.tuple([z.literal("waiting"), z.number()]),
  z.tuple([z.literal("settling"), z.number()]),
  z.tuple([z.literal("living"), z.string()]),
]);

export interface HeartbeatArguments {
  readonly id: string;
  readonly record: string;
  readonly ttlMs: number;
  readonly meshId: string | undefined;
  /** Formation record to write where there is none; only with a meshId. */
  readonly formation: string | undefined;
  /** Ids of meshes whose formation record gives way to this one's. */
  readonly supersedes: readonly string[];
}

export interface HeartbeatReply {
  readonly kind: "registered" | "mismatch";
  readonly formation: string | undefined;
}

export interface RegistryContent {
  readonly formation: string | undefined;
  readonly records: ReadonlyMap<string, string>;
}

export interface FormArguments {
  readonly nodeId: string;
  readonly expect: number;
  readonly meshId: string;
  readonly voters: number;
  readonly settleMs: number;
}

export type FormReply =
  | { readonly kind: "formed"; readonly formation: string; readonly seenWithState: boolean }
  | { readonly kind: "waiting"; readonly registered: number }
  | { readonly kind: "settling"; readonly leftMs: number }
  | { readonly kind: "living"; readonly nodeId: string };

/** Each method is one round trip; it rejects while Redis does not answer. */
export class RegistryScripts {
  readonly #redis: Redis;
  readonly #keys: RegistryKeys;
  constructor(redis: Redis, keys: RegistryKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async heartbeat(args: HeartbeatArguments): Promise<HeartbeatReply> {
    const { index, formation, stateful, channel } = this.#keys;
    const reply = await this.#redis.eval(
      heartbeatSource,
      4,
      ...[this.#keys.node(args.id), index, formation, stateful],
      ...[args.id, args.record, String(args.ttlMs), channel],
      ...[args.meshId ?? "", args.formation ?? "", JSON.stringify(args.supersedes)],
    );
    const [kind, found] = parse(heartbeatReply, reply);
    return { kind, formation: found === "" ? undefined : found };
  }

  async unregister(id: string, record: string): Promise<void> {
    const keys = [this.#keys.node(id), this.#keys.index];
    await this.#redis.eval(unregisterSource, 2, ...keys, id, record, this.#keys.channel);
  }

  async read(): Promise<RegistryContent> {
    const { index, formation, nodePrefix } = this.#keys;
    const reply = parse(
      readReply,
      await this.#redis.eval(readSource, 2, index, formation, nodePrefix),
    );
    const records = new Map<string, string>();
    for (let at = 1; at + 1 < reply.length; at += 2)
      records.set(reply[at] ?? "", reply[at + 1] ?? "");
    return { formation: reply[0] === "" ? undefined : reply[0], records };
  }

  async form(args: FormArguments): Promise<FormReply> {
    const { index, formation, stateful, since, nodePrefix, channel } = this.#keys;
    const numbers = [String(args.expect), args.meshId, String(args.settleMs)];
    const reply = parse(
      formReply,
      await this.#redis.eval(
        formSource,
        4,
        ...[index, formation, stateful, since],
        ...[nodePrefix, ...numbers, args.nodeId, channel, String(args.voters)],
      ),
    );
    switch (reply[0]) {
      case "formed":
        return { kind: "formed", formation: reply[1], seenWithState: reply[2] === 1 };
      case "waiting":
        return { kind: "waiting", registered: reply[1] };
      case "settling":
        return { kind: "settling", leftMs: reply[1] };
      case "living":
        return { kind: "living", nodeId: reply[1] };
    }
  }
}

function parse<T>(schema: z.ZodType<T>, reply: unknown): T {
  const parsed = schema.safeParse(reply);
  if (parsed.success) return parsed.data;
  throw new RegistryReplyError(`unexpected reply: ${JSON.stringify(reply)}`);
}
