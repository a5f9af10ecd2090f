// What tells a draw for one row of logits from draws for many, to the kernels of both.
import { at, attrOf, type Dim, type Value } from "../../ir/index.ts";
import type { Region } from "../region.ts";
import { indexName } from "../wgsl-index.ts";

/** One row, or many. */
export interface DrawnRows {
  /** At which step the row is drawn, and a number that is below 0 where it is not; WGSL. `row` is the name of the row. */
  readonly step: (region: Region, row: string) => { readonly step: string; readonly wants: string | false };
  /** A function that loads element `i` of the row's part of an operand. */
  readonly load: (region: Region, name: string, v: Value) => string;
  /** The function that loads the row's step, where it is data. */
  readonly loadStep: (region: Region) => readonly string[];
  /** How many rows there are, of an operand that has them. */
  readonly rows: (v: Value) => Dim;
}

/** The row of an op whose step is an attribute. */
export const ONE_ROW: DrawnRows = {
  step: ({ anchor, print }) => ({ step: print.dim(attrOf<Dim>(anchor?.attrs ?? {}, "step")), wants: false }),
  load: (region, name, v) => region.loadFunction(name, v, ["row", "i"], [indexName("i")]),
  loadStep: () => [],
  rows: () => 1,
};

/** The rows of an op whose steps are an operand. */
export const MANY_ROWS: DrawnRows = {
  step: (_region, row) => ({ step: "u32(load_step(row))", wants: `load_step(${row})` }),
  load: (region, name, v) => region.loadFunction(name, v, ["row", "i"]),
  loadStep: (region) => [region.loadFunction("load_step", region.operand("steps"), ["row"])],
  rows: (v) => at(v.type.shape, 0),
};
