// Reads to what a plan stores: converted where source and plan store elements differently, and put in order where a recipe
// changes it. All of it in memory that is used again: new memory has to be cleared by the system first, which takes longer than
// reading a file that is cached.
import { fileError } from "../errors.ts";
import { isFloatDType, toF16Bits, toF32 } from "./convert.ts";
import { CHUNK_BYTES, type Read } from "./reads.ts";

/** Bytes as the plan stores them, padded to four, and the element of the weight at which they begin. */
export interface Stretch {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly start: number;
}

/** Takes reads in order, and gives stretches as soon as a band is whole. */
export class Assembler {
  #wide = new ArrayBuffer(0);
  #narrow = new ArrayBuffer(0);
  #band = new Float32Array(0);

  /** What the read completes: nothing, or a band in stretches of at most 1 MiB. Each holds until the next is asked for. */
  *take(bytes: Uint8Array<ArrayBuffer>, read: Read): Generator<Stretch> {
    const { start, length, weight } = read.band;
    const toHalves = weight.dtype === "f16";
    if (read.whole) {
      const same = read.stored.dtype.toLowerCase() === weight.dtype && (toHalves || !read.halves);
      if (same && bytes.byteLength % 4 === 0) yield { data: bytes, start };
      else yield { data: this.#store(this.#values(bytes, read), toHalves), start };
      return;
    }
    if (this.#band.length < length) this.#band = new Float32Array(length);
    scatter(this.#values(bytes, read), read, this.#band);
    if (!read.last) return;
    for (let at = 0; at < length; at += CHUNK_BYTES / 4) {
      const values = this.#band.subarray(at, Math.min(length, at + CHUNK_BYTES / 4));
      yield { data: this.#store(values, toHalves), start: start + at };
    }
  }

  #values(bytes: Uint8Array<ArrayBuffer>, { stored, halves, band: { weight } }: Read): Float32Array<ArrayBuffer> {
    if (!isFloatDType(stored.dtype)) throw fileError(weight.name, `is stored as ${stored.dtype}, which is no float`);
    const values = toF32(bytes, stored.dtype, this.#wide);
    if (values.buffer !== bytes.buffer) this.#wide = values.buffer;
    if (!halves || weight.dtype === "f16" || stored.dtype === "F16") return values;
    const bits = toF16Bits(values);
    return toF32(new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength), "F16");
  }

  #store(values: Float32Array<ArrayBuffer>, toHalves: boolean): Uint8Array<ArrayBuffer> {
    if (!toHalves) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    // Two halves share a 32-bit word, so an odd last one is padded with a zero.
    const elements = values.length;
    const even = elements + (elements % 2);
    if (this.#narrow.byteLength < 2 * even) this.#narrow = new ArrayBuffer(2 * even);
    toF16Bits(values, new Uint16Array(this.#narrow, 0, elements));
    if (even > elements) new Uint16Array(this.#narrow)[elements] = 0;
    return new Uint8Array(this.#narrow, 0, 2 * even);
  }
}

function scatter(values: Float32Array, { segments }: Read, band: Float32Array): void {
  for (const { source, target, length, stride } of segments)
    if (stride === 1) band.set(values.subarray(source, source + length), target);
    else for (let i = 0, to = target; i < length; i++, to += stride) band[to] = values[source + i] ?? 0;
}
