// Lengths in the IR's text, and the symbols that a graph declares for them.
import { isWhole } from "./attr.ts";
import type { Lexer } from "./lex.ts";
import { addDims, type Dim, mulDims, printDim, SYMBOL_NAME, symbol } from "./type.ts";
import { isKeptWord } from "./verify.ts";

/** Reads the dims of one graph or one type. */
export class DimParser {
  readonly #lexer: Lexer;
  /** The symbols declared so far, by name. */
  readonly #symbols = new Map<string, Dim>();

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
  }

  /** Whether a symbol of that name has been declared. */
  isSymbol(name: string): boolean {
    return this.#symbols.has(name);
  }

  /** `T`, or `P>=0` for a symbol that may be 0. */
  declare(): void {
    const l = this.#lexer;
    const { place } = l;
    const name = this.#symbolName();
    if (this.#symbols.has(name)) l.fail(`the symbol ${name} is declared twice`, "once is enough", place);
    const least = l.take(">=") ? l.takeNumber()?.value : 1;
    if (least !== 0 && least !== 1)
      return void l.fail(
        `${name} has a least value other than 0 and 1`,
        "write `P>=0` for a symbol that may be 0",
        place,
      );
    this.#symbols.set(name, symbol(name, least));
  }

  #symbolName(): string {
    const l = this.#lexer;
    const { place } = l;
    const name = l.name();
    if (!SYMBOL_NAME.test(name) || isKeptWord(name))
      l.fail(`${name} is no symbol`, "symbols match [A-Za-z][A-Za-z0-9_]*, and are no word of the text form", place);
    return name;
  }

  /** A dim of a type: no axis has half an element, or less than none. */
  axis(declares: boolean): Dim {
    const l = this.#lexer;
    const { place } = l;
    const dim = this.dim(declares);
    if (!isWhole(dim) || (typeof dim === "number" && dim < 0))
      l.fail(`${printDim(dim)} is no dim`, "dims are whole numbers from 0 on", place);
    return dim;
  }

  /** `P+T`, `2T-1`, `3*B*T` */
  dim(declares = false): Dim {
    const l = this.#lexer;
    let sum: Dim = 0;
    do {
      const sign = l.take("-") ? -1 : 1;
      const before: Dim = sum;
      const product = this.#product(declares);
      sum = l.locate(() => addDims(before, mulDims(product, sign)));
    } while (l.take("+") || l.peek("-") || l.peekNegative());
    return sum;
  }

  #product(declares: boolean): Dim {
    const l = this.#lexer;
    const number = l.takeNumber();
    let product: Dim | undefined = number?.value;
    // A factor may stand right before a symbol.
    if (product === undefined || l.peekName() !== undefined) product = mulDims(product ?? 1, this.#symbol(declares));
    while (l.take("*")) {
      const before: Dim = product;
      const factor = l.takeNumber()?.value ?? this.#symbol(declares);
      product = l.locate(() => mulDims(before, factor));
    }
    return product;
  }

  #symbol(declares: boolean): Dim {
    const l = this.#lexer;
    if (l.peekName() === undefined)
      return l.fail(`expected a dim, found ${l.found}`, "dims are numbers, symbols, and sums and products of them");
    const { place } = l;
    const name = this.#symbolName();
    const known = this.#symbols.get(name);
    if (known !== undefined) return known;
    if (!declares)
      return l.fail(
        `${name} is no symbol of the graph`,
        `an input's type declares it, or brackets after the graph's name: graph g[${[...this.#symbols.keys(), name].join(", ")}](…)`,
        place,
      );
    const made = symbol(name);
    this.#symbols.set(name, made);
    return made;
  }
}
