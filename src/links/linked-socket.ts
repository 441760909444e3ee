// A TCP connection as seen from the side that opened it, with its link in between: bytes, the end and
// a reset pass both gates, so that a cut is silence, as it is where a network is partitioned.
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { LinkDirection } from "./link-direction.js";
import { LinkGate } from "./link-gate.js";

/** What a sender may write into a link that holds it back; a kernel's send buffer is about that. */
const SEND_BUFFER_BYTES = 1_048_576;
/** What the peer may have sent into a link that holds it back before it is not read any more. */
const RECEIVE_BUFFER_BYTES = 1_048_576;

/** Both directions of a link, from the side that opens connections. */
export interface LinkEnds {
  readonly outbound: LinkDirection;
  readonly inbound: LinkDirection;
  /** Whether loss makes bytes late; not where messages are lost as a whole. */
  readonly retransmits: boolean;
}

type Done = (error?: Error | null) => void;

export class LinkedSocket extends Duplex {
  /** As of net.Socket: "connect" is emitted when it is over. */
  connecting = true;
  readonly #out: LinkGate;
  readonly #in: LinkGate;
  #raw: Socket | undefined;
  #whenConnected: (() => void)[] = [];
  #idle: { readonly ms: number; timer: NodeJS.Timeout } | undefined;
  #ended = false;

  private constructor({ outbound, inbound, retransmits }: LinkEnds) {
    super({ allowHalfOpen: false });
    this.#out = new LinkGate(outbound, retransmits);
    this.#in = new LinkGate(inbound, retransmits);
  }

  /** A connection that stands, with a link put in between. */
  static over(raw: Socket, ends: LinkEnds): LinkedSocket {
    const socket = new LinkedSocket(ends);
    socket.#attach(raw);
    socket.#connected();
    return socket;
  }

  /** Connects by `open` once the link lets a connection be made. */
  static dial(open: () => Socket, ends: LinkEnds): LinkedSocket {
    const socket = new LinkedSocket(ends);
    socket.#handshake(() => {
      if (socket.destroyed) return;
      const raw = open();
      socket.#attach(raw);
      raw.once("connect", () => socket.#connected());
    });
    return socket;
  }

  get remoteAddress(): string | undefined {
    return this.#raw?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#raw?.remotePort;
  }

  setNoDelay(noDelay?: boolean): this {
    this.#raw?.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelayMs?: number): this {
    this.#raw?.setKeepAlive(enable, initialDelayMs);
    return this;
  }

  /** As of net.Socket: "timeout" after so long without traffic; 0 ends that. */
  setTimeout(ms: number, listener?: () => void): this {
    clearTimeout(this.#idle?.timer);
    this.#idle = undefined;
    if (ms > 0) {
      this.#idle = { ms, timer: setTimeout(() => this.emit("timeout"), ms) };
      if (listener !== undefined) this.once("timeout", listener);
    } else if (listener !== undefined) this.off("timeout", listener);
    return this;
  }

  ref(): this {
    this.#raw?.ref();
    return this;
  }

  unref(): this {
    this.#raw?.unref();
    return this;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#write([chunk], done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: Done): void {
    this.#write(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: Done): void {
    this.#onceConnected((raw) => {
      this.#out.send(0, () => {
        if (raw.destroyed) done();
        else raw.end(() => done());
      });
    });
  }

  override _read(): void {
    if (this.#in.heldBytes <= RECEIVE_BUFFER_BYTES) this.#raw?.resume();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.setTimeout(0);
    this.#whenConnected = [];
    this.#in.clear();
    this.#leave();
    done(error);
  }

  /** SYN there, SYN and ACK back: no connection is made under a cut of either direction. */
  #handshake(made: () => void): void {
    this.#out.send(0, () => this.#in.send(0, made));
  }

  #connected(): void {
    this.connecting = false;
    this.emit("connect");
    const waiting = this.#whenConnected;
    this.#whenConnected = [];
    for (const go of waiting) go();
  }

  #onceConnected(use: (raw: Socket) => void): void {
    const raw = this.#raw;
    if (this.connecting || raw === undefined) {
      this.#whenConnected.push(() => this.#onceConnected(use));
    } else use(raw);
  }

  #attach(raw: Socket): void {
    this.#raw = raw;
    raw.on("data", (chunk: Buffer) => this.#received(raw, chunk));
    raw.on("end", () => {
      this.#ended = true;
      this.#in.send(0, () => this.push(null));
    });
    raw.on("error", (error) => {
      this.#in.send(0, () => this.destroy(error));
    });
    raw.on("close", () => {
      // After an end the reader comes to it in its own time.
      if (!this.#ended) this.#in.send(0, () => this.destroy());
    });
  }

  #received(raw: Socket, chunk: Buffer): void {
    if (this.destroyed) return;
    this.#in.send(chunk.length, () => {
      this.#touch();
      if (!this.push(chunk)) raw.pause();
      else if (raw.isPaused() && this.#in.heldBytes <= RECEIVE_BUFFER_BYTES) raw.resume();
    });
    if (this.#in.heldBytes > RECEIVE_BUFFER_BYTES) raw.pause();
  }

  #write(chunks: readonly Buffer[], done: Done): void {
    this.#onceConnected((raw) => {
      this.#touch();
      if (this.#out.isOpen) {
        writeAll(raw, chunks, done);
        return;
      }
      let told = false;
      const tell: Done = (error) => {
        if (!told) done(error);
        told = true;
      };
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      this.#out.send(bytes, () => writeAll(raw, chunks, tell));
      if (this.#out.heldBytes <= SEND_BUFFER_BYTES) tell();
    });
  }

  /**
   * Ends the connection under it. Where the link is cut the peer does not hear of that before the
   * link has healed: it is then answered with a reset, as by a host that has forgotten the connection.
   */
  #leave(): void {
    const raw = this.#raw;
    if (raw === undefined || raw.destroyed || this.#out.isOpen) {
      this.#out.clear();
      raw?.destroy();
      return;
    }
    raw.pause();
    raw.unref();
    if (this.#out.link.isCut) {
      this.#out.clear();
      this.#out.send(0, () => raw.resetAndDestroy());
    } else this.#out.send(0, () => raw.destroy());
  }

  #touch(): void {
    this.#idle?.timer.refresh();
  }
}

/** For HTTP/2, TLS and ioredis, whose types know net.Socket alone: they use what is here of it. */
export function asSocket(stream: LinkedSocket): Socket {
  if (!servesAsSocket(stream)) throw new TypeError("a linked socket lacks a method of a socket");
  return stream;
}

function servesAsSocket(stream: Duplex): stream is Socket {
  return "setNoDelay" in stream && "setKeepAlive" in stream && "setTimeout" in stream;
}

function writeAll(raw: Socket, chunks: readonly Buffer[], done: Done): void {
  const last = chunks.length - 1;
  if (last > 0) raw.cork();
  chunks.forEach((chunk, at) => {
    if (at === last) raw.write(chunk, done);
    else raw.write(chunk);
  });
  if (last > 0) raw.uncork();
}
