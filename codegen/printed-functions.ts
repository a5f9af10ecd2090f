// What the functions of a region that are printed leave in it, and functions that are printed once for regions of the same node.
import type { Value } from "../ir/index.ts";
import type { ElementShare } from "./epilogue.ts";
import type { IndexPrinter } from "./index-printer.ts";

/** Functions of a region, by name and arguments. */
export type PrintedFunctions = Map<string, PrintedFunction>;

/** What functions call, which results they store, and which elements go through the blocks under a condition, where that is known. */
export interface Printed {
  readonly helpers: Set<string>;
  readonly stored: Set<Value>;
  readonly guards: Map<string, ElementShare>;
}

/** A function, and all that is known of a region that has it. */
export interface PrintedFunction extends Printed {
  readonly text: string;
  readonly symbols: ReadonlySet<string>;
}

const nothing = (): Printed => ({ helpers: new Set(), stored: new Set(), guards: new Map() });

/** What has been printed of a region. `known` are functions of others of its node, for the same kernel and target. */
export class PrintedLog {
  readonly #print: IndexPrinter;
  readonly #known: PrintedFunctions | undefined;
  #now = nothing();

  constructor(print: IndexPrinter, known: PrintedFunctions | undefined) {
    this.#print = print;
    this.#known = known;
  }

  /** Of all functions so far. */
  get now(): Printed {
    return this.#now;
  }

  /** A function as it was printed before, or as it is printed now. */
  once(key: () => string, print: () => string): string {
    if (!this.#known) return print();
    const name = key();
    const made = this.#known.get(name) ?? this.apart(print);
    this.#known.set(name, made);
    this.#print.keep(made.symbols);
    for (const h of made.helpers) this.#now.helpers.add(h);
    for (const v of made.stored) this.#now.stored.add(v);
    for (const [text, share] of made.guards) this.#now.guards.set(text, share);
    return made.text;
  }

  /** What is printed leaves nothing here, and nothing but its symbols in the printer. */
  apart(print: () => string): PrintedFunction {
    const before = this.#now;
    this.#now = nothing();
    try {
      const { made: text, symbols } = this.#print.watch(print);
      return { ...this.#now, text, symbols };
    } finally {
      this.#now = before;
    }
  }
}
