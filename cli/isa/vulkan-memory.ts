// Memory that Vulkan reads and writes: structs, arrays and handles, at addresses. It is not freed: see vulkan.ts.
import type koffi from "koffi";
import { type Address, defineStructs, type Structs } from "./vulkan-types.ts";

/** A struct's members by name; those that are left out are 0. */
export type Members = Readonly<Record<string, unknown>>;

export class VulkanMemory {
  readonly #koffi: typeof koffi;
  readonly #structs: Structs;

  constructor(library: typeof koffi) {
    this.#koffi = library;
    this.#structs = defineStructs(library);
  }

  /** A struct; its address. */
  make(struct: keyof Structs, members: Members): Address {
    return this.makeAll(struct, [members]);
  }

  /** Structs one behind the other; the address of the first. */
  makeAll(struct: keyof Structs, all: readonly Members[]): Address {
    const type = this.#structs[struct];
    const at: Address = this.#koffi.alloc(type, Math.max(1, all.length));
    if (all.length > 0) this.#koffi.encode(at, type, all, all.length);
    return at;
  }

  read(struct: keyof Structs, at: Address): Members {
    return this.#koffi.decode(at, this.#structs[struct]);
  }

  readAll(struct: keyof Structs, at: Address, count: number): readonly Members[] {
    return count === 0 ? [] : this.#koffi.decode(at, this.#structs[struct], count);
  }

  numbers(type: "uint8_t" | "uint32_t" | "uint64_t" | "float", values: ArrayLike<number | bigint>): Address {
    const at: Address = this.#koffi.alloc(type, Math.max(1, values.length));
    if (values.length > 0) this.#koffi.encode(at, type, values, values.length);
    return at;
  }

  /** Pointers to texts. */
  texts(values: readonly string[]): Address {
    const at: Address = this.#koffi.alloc("const char *", Math.max(1, values.length));
    if (values.length > 0) this.#koffi.encode(at, "const char *", values, values.length);
    return at;
  }

  /** Up to a zero. */
  text(at: Address): string {
    return this.#koffi.decode.string(at);
  }

  /** The handle or pointer that a call writes to the address that it is given. */
  fetch(call: (out: Address) => void): Address {
    const at = this.numbers("uint64_t", [0n]);
    call(at);
    return BigInt(this.#koffi.decode.uint64(at));
  }

  /** What Vulkan lists: how many there are is asked for first, then for them. */
  list(
    struct: keyof Structs,
    members: Members,
    ask: (count: Address, items: Address | null) => void,
  ): readonly Members[] {
    const count = this.numbers("uint32_t", [0]);
    ask(count, null);
    const many = this.#koffi.decode.uint32(count);
    const items = this.makeAll(struct, Array<Members>(many).fill(members));
    ask(count, items);
    return this.readAll(struct, items, many);
  }
}
