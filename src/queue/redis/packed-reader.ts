// Reads the part of MessagePack that the scripts write. Lua knows one kind of string for text and
// bytes, so a string comes out as bytes here and its reader decides; general decoders decide for it.

export type Packed = number | boolean | null | Buffer | readonly Packed[];

/** Thrown for input that no script of ours wrote. */
export class MalformedPacked extends Error {
  override readonly name = "MalformedPacked";
}

/** Decodes the one value in `bytes`; strings are views into it. */
export function readPacked(bytes: Buffer): Packed {
  return new PackedReader(bytes).value();
}

/** Decodes the values that stand one after the other in `bytes`. */
export function readPackedSequence(bytes: Buffer): readonly Packed[] {
  const reader = new PackedReader(bytes);
  const values: Packed[] = [];
  while (!reader.ended) values.push(reader.value());
  return values;
}

class PackedReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  value(): Packed {
    const tag = this.#bytes.readUInt8(this.#at++);
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag >= 0xa0 && tag < 0xc0) return this.#string(tag & 0x1f);
    if (tag >= 0x90 && tag < 0xa0) return this.#array(tag & 0x0f);
    return this.#sized(tag);
  }

  #sized(tag: number): Packed {
    const bytes = this.#bytes;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xd9:
        return this.#string(bytes.readUInt8(this.#skip(1)));
      case 0xc5:
      case 0xda:
        return this.#string(bytes.readUInt16BE(this.#skip(2)));
      case 0xc6:
      case 0xdb:
        return this.#string(bytes.readUInt32BE(this.#skip(4)));
      case 0xca:
        return bytes.readFloatBE(this.#skip(4));
      case 0xcb:
        return bytes.readDoubleBE(this.#skip(8));
      case 0xcc:
        return bytes.readUInt8(this.#skip(1));
      case 0xcd:
        return bytes.readUInt16BE(this.#skip(2));
      case 0xce:
        return bytes.readUInt32BE(this.#skip(4));
      case 0xcf:
        return this.#wide(bytes.readUInt32BE(this.#skip(4)));
      case 0xd0:
        return bytes.readInt8(this.#skip(1));
      case 0xd1:
        return bytes.readInt16BE(this.#skip(2));
      case 0xd2:
        return bytes.readInt32BE(this.#skip(4));
      case 0xd3:
        return this.#wide(bytes.readInt32BE(this.#skip(4)));
      case 0xdc:
        return this.#array(bytes.readUInt16BE(this.#skip(2)));
      case 0xdd:
        return this.#array(bytes.readUInt32BE(this.#skip(4)));
      default:
        throw new MalformedPacked(`unexpected tag 0x${tag.toString(16)}`);
    }
  }

  /** 64-bit integers: what Lua holds as an integer fits a double exactly. */
  #wide(high: number): number {
    return high * 0x1_0000_0000 + this.#bytes.readUInt32BE(this.#skip(4));
  }

  #string(length: number): Buffer {
    const start = this.#skip(length);
    if (this.#at > this.#bytes.length) throw new MalformedPacked("string past the end");
    return this.#bytes.subarray(start, this.#at);
  }

  #array(length: number): Packed[] {
    if (length > this.#bytes.length - this.#at) throw new MalformedPacked("array past the end");
    const values: Packed[] = [];
    for (let i = 0; i < length; i++) values.push(this.value());
    return values;
  }

  #skip(length: number): number {
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

/** The value as an array, else throws MalformedPacked. */
export function asArray(value: Packed | undefined): readonly Packed[] {
  if (Array.isArray(value)) return value as readonly Packed[];
  throw new MalformedPacked("expected an array");
}

/** The value as a number, else throws MalformedPacked. */
export function asNumber(value: Packed | undefined): number {
  if (typeof value === "number") return value;
  throw new MalformedPacked("expected a number");
}

/** The value as bytes, else throws MalformedPacked. */
export function asBytes(value: Packed | undefined): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw new MalformedPacked("expected a string");
}

/** The value as text, else throws MalformedPacked. */
export function asText(value: Packed | undefined): string {
  return asBytes(value).toString("utf8");
}
