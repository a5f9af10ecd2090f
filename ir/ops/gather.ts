import { defineElement } from "../define-element.ts";
import { at, CompileError } from "../errors.ts";
import { printType, tensorType } from "../type.ts";

/** y[i…, j…] = table[indices[i…], j…]: rows of `table`, one for each index. An index must lie in [0, rows). */
export const gather = defineElement({
  name: "gather",
  summary: "rows of a table, by index",
  operands: ["table", "indices"],
  cases: [
    { types: ["f32[5, 7]", "i32[4]"] },
    { types: ["f32[3, 2, 3]", "i32[2, 2]"] },
    { types: ["f32[9]", "i32[6]"] },
  ],
  infer([table, indices]) {
    if (table.shape.length === 0 || (indices.dtype !== "i32" && indices.dtype !== "u32"))
      throw new CompileError(
        "gather",
        `table is ${printType(table)} and indices are ${printType(indices)}`,
        "table needs a row axis, and indices must be i32 or u32",
      );
    return tensorType(table.dtype, [...indices.shape, ...table.shape.slice(1)]);
  },
  element(index, math, { types }) {
    const rank = at(types, 1).shape.length;
    const row = math.toIndex(math.load(1, index.slice(0, rank)), at(at(types, 0).shape, 0));
    return math.load(0, [row, ...index.slice(rank)]);
  },
});
