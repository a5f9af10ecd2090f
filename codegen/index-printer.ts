// Lengths and places as text of one kernel, and which symbols that text reads. A kernel binds the symbols if anything was
// printed here that reads one, which is known before its template is.
import { CompileError, type Dim } from "../ir/index.ts";
import {
  dimIndex,
  divIndex,
  elementCount,
  type Fragment,
  type Index,
  indexName,
  indexOf,
  modIndex,
} from "./wgsl-index.ts";

/** Prints index arithmetic, and keeps account of the symbols in it. */
export class IndexPrinter {
  readonly #place: string;
  readonly #bound: ReadonlySet<string>;
  #read = new Set<string>();

  /** `bound` are the symbols that there are; `place` is where an error is that asks for another. */
  constructor(place: string, bound: Iterable<string>) {
    this.#place = place;
    this.#bound = new Set(bound);
  }

  /** The symbols that what was printed so far reads. */
  get symbols(): ReadonlySet<string> {
    return this.#read;
  }

  /** What `print` gives, and the symbols that it reads, whether others have been read before or not. */
  watch<X>(print: () => X): { readonly made: X; readonly symbols: ReadonlySet<string> } {
    const before = this.#read;
    this.#read = new Set();
    try {
      return { made: print(), symbols: this.#read };
    } finally {
      for (const s of this.#read) before.add(s);
      this.#read = before;
    }
  }

  /** Keeps account of symbols in a text that was printed before. */
  keep(symbols: Iterable<string>): void {
    for (const s of symbols) this.#read.add(s);
  }

  /**
   * The text of a place, a length or a condition, which is to stand in the kernel.
   * @throws CompileError for a symbol that no type and no attribute of the region has.
   */
  text({ text, symbols = [] }: Fragment): string {
    for (const s of symbols) {
      if (!this.#bound.has(s))
        throw new CompileError(
          this.#place,
          `reads the symbol ${s}, which nothing in the region has (${[...this.#bound].join(", ") || "its shapes are numbers"})`,
          "a kernel's lengths are those of its region's types and attributes",
        );
      this.#read.add(s);
    }
    return text;
  }

  /** A length. */
  dim(d: Dim): string {
    return this.text(dimIndex(d));
  }

  /** How many elements a tensor of that shape has. */
  elements(shape: readonly Dim[]): string {
    return this.text(elementCount(shape));
  }

  /** The arguments of a call: a place, which has no coordinates where the rank is 0, and what stands after it. */
  args(place: readonly Index[], ...more: readonly string[]): string {
    return [...place.map((i) => this.text(i)), ...more].join(", ");
  }

  /** The coordinates of element `flat`, all but the first as `let` statements appended to `lines`. */
  unravel(flat: string, shape: readonly Dim[], lines: string[]): Index[] {
    const at: Index[] = [];
    let rest = indexName(flat);
    for (let axis = shape.length - 1; axis > 0; axis--) {
      const size = dimIndex(shape[axis] ?? 1);
      const i = modIndex(rest, size);
      at.unshift(i.value === undefined ? this.#named(`i${axis}`, i, lines) : i);
      rest = size.value === 1 ? rest : this.#named(`rest${axis}`, divIndex(rest, size), lines);
    }
    if (shape.length > 0) at.unshift(shape[0] === 1 ? indexOf(0) : rest);
    return at;
  }

  #named(name: string, i: Index, lines: string[]): Index {
    if (i.atom) return i;
    lines.push(`let ${name} = ${this.text(i)};`);
    return indexName(name);
  }
}
