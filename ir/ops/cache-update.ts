import { attr, attrOf } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { countElements } from "../tensor.ts";
import { type Dim, dimEquals, printType, typeEquals } from "../type.ts";

/**
 * y = cache with the rows from `start` on replaced by `rows`. The graph stays functional; the memory planner keeps cache
 * and result in one buffer, so that only the new rows are written.
 */
export const cacheUpdate = defineOp({
  name: "cache_update",
  summary: "a cache with some rows replaced",
  operands: ["cache", "rows"],
  attrs: { start: attr.dim() },
  traits: {
    updatesFirstOperand: true,
    ranges: ([, rows], attrs) => [
      { operand: 0, axis: 0, start: attrOf<Dim>(attrs, "start"), length: rows?.shape[0] ?? 0 },
    ],
    writes: {
      operand: 1,
      targets: (index, math, { attrs }) => {
        const start = math.dim(attrOf<Dim>(attrs, "start"));
        return [{ result: 0, at: index.map((i, axis) => (axis === 0 ? math.add(i, start) : i)) }];
      },
    },
  },
  cases: [
    { types: ["f32[8, 5]", "f32[1, 5]"], attrs: { start: 3 } },
    { types: ["f32[8, 5]", "f32[3, 5]"], attrs: { start: 5 } },
  ],
  infer([cache, rows], { start }) {
    const [capacity, count] = [cache.shape[0], rows.shape[0]];
    const fits =
      capacity !== undefined &&
      count !== undefined &&
      cache.dtype === rows.dtype &&
      cache.shape.length === rows.shape.length &&
      rows.shape.slice(1).every((d, i) => dimEquals(d, at(cache.shape, i + 1)));
    if (!fits)
      throw new CompileError(
        "cache_update",
        `rows are ${printType(rows)}, but the cache is ${printType(cache)}`,
        "they may differ in axis 0 only",
      );
    if (
      typeof start === "number" &&
      typeof count === "number" &&
      typeof capacity === "number" &&
      (start < 0 || start + count > capacity)
    )
      throw new CompileError(
        "cache_update",
        `writes rows ${start} to ${start + count}, but the cache is ${printType(cache)}`,
        "start + rows must stay within the cache",
      );
    return cache;
  },
  reference([cache, rows], { start }) {
    const data = Float64Array.from(cache.data);
    data.set(rows.data, Number(start) * countElements(cache.shape.slice(1)));
    return typeEquals(cache, rows) ? { ...rows } : { ...cache, data };
  },
});
