// How a dtype's elements lie in a storage buffer, whoever reads them.
import type { Target } from "./target.ts";

/** Neighbouring elements that a kernel hands over, or stores, at a time. */
export type Neighbours = 1 | 2;

/** A dtype's elements in a buffer. `features` are what it gave for the target. */
export interface BufferFormat {
  /** What errors call it. */
  readonly name: string;
  /** How many elements arithmetic makes of each: 1 of what is widened as it is read, 0 of what is used as it lies. */
  readonly unpacks: 0 | 1;
  /** The type of what the buffer is an array of, where that holds so many neighbouring elements; of one, what `element` indexes. */
  type(width: number, features: readonly string[]): string;
  /** A name for the element at `place`, in an array of single elements. */
  element(binding: string, place: string, scope: ElementScope, features: readonly string[]): string;
  /** How many neighbours along the last axis are stored at a time, the first of them at an even place. */
  together(features: readonly string[]): Neighbours;
  /** The statement that stores so many elements; `place` counts what the array holds. */
  store(binding: string, place: string, elements: readonly string[], features: readonly string[]): string;
  /** Features of the adapter that it is read by on the target; none when absent. */
  features?(target: Target): readonly string[];
}

/** Statements before an element. */
export interface ElementScope {
  /** The expression under a name that begins with `base`. */
  let(base: string, expression: string): string;
}
