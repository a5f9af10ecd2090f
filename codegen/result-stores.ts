// Statements that store elements of a region's results: one by one, or two neighbours in a word, which come one after the other.
import { at, CompileError, printType, type Value } from "../ir/index.ts";
import type { IndexPrinter } from "./index-printer.ts";
import type { StoredValues } from "./stored-values.ts";
import { divIndex, flatIndex, type Index, indexOf, offsetOf } from "./wgsl-index.ts";

/** An element of a result, where it lies, and the block of statements in which the expression has a meaning. */
export interface StoredElement {
  readonly expression: string;
  readonly place: readonly Index[];
  readonly block?: object;
}

/** What stores the elements of one function body. */
export class ResultStores {
  readonly #values: StoredValues;
  readonly #print: IndexPrinter;
  /** Elements whose neighbours have not come yet, by result and word. */
  readonly #waiting = new Map<string, StoredElement & { readonly result: Value; readonly offset: number }>();

  constructor(values: StoredValues, print: IndexPrinter) {
    this.#values = values;
    this.#print = print;
  }

  /**
   * The statement that stores the element in that binding, with those that lie beside it; undefined until all of them have come.
   * @throws CompileError where the element's place among them is not known.
   */
  store(result: Value, binding: string, element: StoredElement): string | undefined {
    const { shape } = result.type;
    const together = this.#values.together(result);
    if (together === 1) {
      const place = this.#print.text(flatIndex(element.place, shape));
      return this.#values.store(result, binding, place, [element.expression]);
    }
    const [last, width] = [element.place.at(-1), shape.at(-1)];
    const offset = last && offsetOf(last, together);
    if (offset === undefined || typeof width !== "number" || width % together !== 0)
      throw new CompileError(
        `value ${result.name}`,
        `is ${printType(result.type)}, of which ${together} neighbours are stored at a time, but element ${last?.text} is stored alone`,
        "make rows of even length, or compile for a machine that reads halves as such, by shader-f16",
      );
    const words = [...element.place.slice(0, -1), divIndex(last as Index, indexOf(together))];
    const place = this.#print.text(flatIndex(words, [...shape.slice(0, -1), width / together]));
    const key = `${binding}[${place}]`;
    const other = this.#waiting.get(key);
    if (!other || other.block !== element.block || other.offset === offset) {
      this.#waiting.set(key, { ...element, result, offset });
      return undefined;
    }
    this.#waiting.delete(key);
    const pair = other.offset < offset ? [other, element] : [element, other];
    return this.#values.store(
      result,
      binding,
      place,
      pair.map((e) => e.expression),
    );
  }

  /** @throws CompileError where an element's neighbour never came. */
  finish(): void {
    const [left] = [...this.#waiting.values()];
    if (!left) return;
    throw new CompileError(
      `value ${left.result.name}`,
      `is ${printType(left.result.type)}, of which two neighbours are stored at a time, but element ${at(left.place, -1).text} comes alone`,
      "the kernel hands over one element at a time, or a range of them ends between two neighbours",
    );
  }
}
