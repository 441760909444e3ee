// Writes the part of MessagePack that the scripts read. Redis's Lua reads text and bytes as one kind
// of string and knows no binary type, which general encoders use for bytes.

const INITIAL_BYTES = 16 * 1024;
/** Longest head of a value: its tag and 8 bytes. */
const MAX_HEAD_BYTES = 9;
const MAX_UINT32 = 0xffff_ffff;

/** Appends values to a buffer that grows. An array's length is written before its values. */
export class PackedWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(initialBytes = INITIAL_BYTES) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
  }

  /** What was written; the writer is not to be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  array(length: number): this {
    this.#reserve(MAX_HEAD_BYTES);
    if (length < 16) this.#bytes[this.#at++] = 0x90 + length;
    else this.#sized(0xdd, length);
    return this;
  }

  number(value: number): this {
    this.#reserve(MAX_HEAD_BYTES);
    if (Number.isInteger(value) && value >= 0 && value <= MAX_UINT32) {
      if (value < 0x80) this.#bytes[this.#at++] = value;
      else this.#sized(0xce, value);
    } else {
      this.#bytes[this.#at++] = 0xcb;
      this.#at = this.#bytes.writeDoubleBE(value, this.#at);
    }
    return this;
  }

  boolean(value: boolean): this {
    this.#reserve(MAX_HEAD_BYTES);
    this.#bytes[this.#at++] = value ? 0xc3 : 0xc2;
    return this;
  }

  text(value: string): this {
    this.#stringHead(Buffer.byteLength(value));
    this.#at += this.#bytes.write(value, this.#at);
    return this;
  }

  string(value: Uint8Array): this {
    this.#stringHead(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  #stringHead(length: number): void {
    this.#reserve(MAX_HEAD_BYTES + length);
    if (length < 32) this.#bytes[this.#at++] = 0xa0 + length;
    else this.#sized(0xdb, length);
  }

  #sized(tag: number, length: number): void {
    this.#bytes[this.#at] = tag;
    this.#at = this.#bytes.writeUInt32BE(length, this.#at + 1);
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
